"""Odd configuration, odd arguments of the shell and odd definitions: a clear error, never a traceback.

`FUZZ=20000` in the environment tries so many of each instead of a few.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.config import Config
from eventcore.errors import ConfigError, EventcoreError, ProgramError
from sequent.cli.command import VERBS, sequent
from tests.acceptance.test_damaged_stores import answered

COUNT = int(os.environ.get("FUZZ", "40"))

#: Scalars that YAML reads as something else than they look like, or that nothing expects.
SCALARS = ["", "~", "null", "yes", "NO", "on", "0x1F", "0o17", "017", "1_000", "1:30:00", "12:30", "1e3", "-1", "2**62",
           "999999999999999999999999", "-.inf", ".NaN", "2026-11-21", "2026-11-21 10:00:00", "2026-99-99",
           "!!binary aGk=",
           "!!python/object/apply:os.system [echo]", "!!set {a}", "&a [*a]", "*missing", "[", "{", "{a: }", "- x", "'",
           '"\\ud800"', "\x00", "\x85", "\ud7ff", "ü", "${HOME}", "${", "${}", "${NO_SUCH_VARIABLE}", "$", "%", "@",
           "`",
           "a: b: c", "? x", "|", ">", "---", "...", "<<: *x", "INFO", "info", "process", "module:factory", "os:system",
           ":", "a:", ":b", "normal", "[1, x]", "{first: 1}", "{first: -1, odd: 2}", "1" * 5000]  # fmt: skip

KEYS = [*Config.__struct_fields__, "EVENTOR", "DATABASE", "SEQUENT", "odd", "", "1", "~", "retires", "timeouts", "a b"]

VALUES: list[Any] = [None, True, -1, 0, 1, 2**70, 1.5, math.nan, math.inf, -math.inf, "", "x", "\x00", "\ud800",
                     b"\xff",
                     [], [None], {}, {1: 2}, {"a": ()}, (), set(), frozenset({1}), object(), object, print, lambda: 1,
                     len, range(3), iter([1]), Ellipsis, 1j, Path("x"), evr.STEP_SUCCESS, "STEP_SUCCESS",
                     ("a", "STEP_SUCCESS"), [("a",)], Exception("x")]  # fmt: skip

WORDS = ["", "-", "x", "a", "a/b", "a@1", "a@1.2.3", "@", "1..2", "-1", "0", "x=", "=", "n=1", "n=[", "n={a: ",
         "n=" + "9" * 5000,
         "retries=x", "retries=-1", "timeout=.nan", "\ud800", "\x00", "ü", "FLOW", "FLOW:", "FLOW:odd", "FLOW:a:b",
         ":flow",
         "odd.py", "odd:odd", "..", "/", "/dev/null", "STORE", "OUT.svg", "OUT.dot", "OUT.odd", "OUT/none/x.dot",
         "sqlite://",
         "sqlite:///STORE", "postgresql://h/d", "odd://x", "1e400", "1000000000", "%s", "{}", "${HOME}", "~", "*",
         "--odd",
         "--help", "--"]  # fmt: skip

#: Verbs and options that go on until somebody ends them, or start a process of their own.
LEFT_OUT = {"serve", "watch", "--detach", "--follow"}

SCRIPT = """\
import sequent as seq

flow = seq.Sequent("flow", "STORE", config={"task_construct": "invoke", "console": False, "logdir": "LOGS"})
flow.add_step("a", print, (1,))
"""


def seeds(name: str) -> list[random.Random]:
    return [random.Random(f"{name} {seed}") for seed in range(COUNT)]


def odd(choice: random.Random, good: object, *others: object) -> Any:
    """`good` most of the time, else something else."""
    return good if choice.random() < 0.9 else choice.choice([*others, *VALUES])


def odd_yaml(choice: random.Random, depth: int = 0) -> str:
    lines = []
    for _ in range(choice.randrange(1, 5)):
        key = choice.choice(KEYS)
        if depth < 2 and choice.random() < 0.3:
            lines += [f"{key}:", *("  " + line for line in odd_yaml(choice, depth + 1).splitlines())]
        else:
            lines.append(f"{key}: {choice.choice(SCALARS)}")
    text = "\n".join(lines) + "\n"
    if depth == 0 and choice.random() < 0.2:
        place = choice.randrange(len(text))
        text = text[:place] + choice.choice(SCALARS) + text[place + choice.randrange(3) :]
    return text


def test_a_config_file_is_used_or_refused_in_one_line(tmp_path: Path) -> None:
    for choice in seeds("config"):
        file = tmp_path / "config.yaml"
        data = odd_yaml(choice).encode("utf-8", "surrogatepass")
        if choice.random() < 0.1:
            data = bytes(choice.randrange(256) for _ in range(choice.randrange(200)))
        file.write_bytes(data)
        try:
            seq.Sequent("flow", tmp_path / "s.db", config=file)
        except ConfigError as error:
            assert len(str(error).splitlines()) == 1, (data, error)


def test_config_values_are_used_or_refused(tmp_path: Path) -> None:
    for choice in seeds("values"):
        values: Any = {choice.choice(KEYS): choice.choice(VALUES) for _ in range(choice.randrange(1, 4))}
        with contextlib.suppress(ConfigError, ProgramError):
            evr.Eventor("program", tmp_path / "s.db", config=values)
        with contextlib.suppress(ConfigError, ProgramError):
            seq.Sequent("flow").add_step("a", config=values)


def odd_arguments(choice: random.Random) -> list[str]:
    """A verb with some of the options that it has, and now and then a word too many."""
    words = [
        choice.choice([verb for verb in VERBS if verb not in LEFT_OUT]),
        choice.choice(["STORE", "FLOW", choice.choice(WORDS)]),
    ]
    command = sequent.get_command(click.Context(sequent), words[0])
    assert command is not None
    parameters = [one for one in command.params if not LEFT_OUT.intersection(one.opts) and one.name != "target"]
    for parameter in choice.sample(parameters, choice.randrange(min(4, len(parameters) + 1))):
        is_flag = isinstance(parameter, click.Option) and parameter.is_flag
        words += [choice.choice(parameter.opts)] if isinstance(parameter, click.Option) else []
        words += [] if is_flag else [choice.choice(WORDS)]
    return [*words, *choice.choices(WORDS, k=choice.random() < 0.1)]


def test_a_command_line_is_answered_in_a_line_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "flow.py"
    text = SCRIPT.replace("STORE", str(tmp_path / "s.db")).replace("LOGS", str(tmp_path / "logs"))
    script.write_text(text, encoding="utf-8")
    assert answered(["run", str(script), "-q"])[0] == 0
    stands_for = {"FLOW": str(script), "STORE": str(tmp_path / "s.db"), "OUT": str(tmp_path / "out")}
    for choice in seeds("arguments"):
        words = odd_arguments(choice)
        for word, meant in stands_for.items():
            words = [one.replace(word, meant) for one in words]
        code, said = answered(words)
        assert "Traceback" not in said, f"{words}\n{said}"
        assert code in (0, 1, 2, 3), f"{words}: {code} {said}"
        assert code != 2 or len(said.splitlines()) <= 3, f"{words}\n{said}"
    capfd.readouterr()


def odd_flow(choice: random.Random) -> None:
    flow: Any = seq.Sequent(odd(choice, "flow"), config={"task_construct": "invoke"})
    days = flow.add_step("days", loop=(1, 2))
    steps = [flow, days]
    for name in ("a", "b", "c"):
        last = steps[-1]
        parts = [last, (last, seq.STEP_SUCCESS), [(last, seq.STEP_FAILURE), None], *VALUES]
        parts += [last.result, days.item, days.key, {"a": [days.item]}, [(days, seq.STEP_COMPLETE), last]]
        keys = choice.sample(["func", "args", "kwargs", "require", "loop", "delay", "concurrent", "acquires",
                              "releases",
                              "recovery", "config", "hosts"], choice.randrange(3))  # fmt: skip
        steps.append(choice.choice(steps).add_step(odd(choice, name), **{key: choice.choice(parts) for key in keys}))
    flow.check()


def odd_program(choice: random.Random) -> None:
    program: Any = evr.Eventor(odd(choice, "program"), config={"task_construct": "invoke"})
    events = [program.add_event(odd(choice, "first"))]
    for number in range(3):
        parts = [*events, (events[0],), evr.or_(*events), {evr.STEP_SUCCESS: events}, program, *VALUES]
        events.append(program.add_event(odd(choice, f"e{number}"), odd(choice, None, *parts)))
        keys = choice.sample(["func", "args", "kwargs", "triggers", "acquires", "releases", "recovery", "config"],
                             choice.randrange(3))  # fmt: skip
        step = program.add_step(odd(choice, f"s{number}"), **{key: choice.choice(parts) for key in keys})
        program.add_assoc(odd(choice, events[0], *parts), odd(choice, step, *parts), delay=odd(choice, 0))
    program.trigger_event(odd(choice, events[0]), odd(choice, 1))


@pytest.mark.parametrize("define", [odd_flow, odd_program])
def test_odd_definitions_are_refused_with_an_error_of_ours(define: Callable[[random.Random], None]) -> None:
    for choice in seeds(define.__name__):
        try:
            define(choice)
        except EventcoreError as error:
            assert str(error), define
