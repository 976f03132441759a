"""Names and texts are kept exactly, on every kind of store; what is too long for a server is said with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.status import TaskStatus
from eventcore.errors import ConfigError, ProgramError, RunNotFoundError
from eventcore.record.backends.postgresql import PostgreSQL
from eventcore.record.schema import LONGEST_IDENTITY, LONGEST_NAME, LONGEST_SEQUENCE
from tests.eventcore.record.places import KINDS, REMOTE, Place
from tests.support import eventor, flow, start

ALIKE = [
    "Load",
    "load",
    "load ",
    " load",
    "LOAD",
    "lo\N{LATIN SMALL LETTER A WITH RING ABOVE}d",
    "loa\u030ad",
    "lo\u212bd",
]
ODD = [
    "\N{ROCKET}",
    "it's",
    '"quoted"',
    "100%",
    "%s",
    "%(x)s",
    ":name",
    "a\\",
    "\\'",
    "?",
    "; drop table",
    "tab\there",
    "ß",
]


@pytest.mark.parametrize("names", [ALIKE, ODD])
def test_names_are_kept_apart_to_the_letter(place: Place, names: list[str]) -> None:
    program = place.program(run_id=names[0])
    for number, name in enumerate(names):
        start(program, program.add_step(name, lambda number=number: number), sequence=name)
    assert program.run()
    for number, name in enumerate(names):
        assert program.result(name, name) == number
    for name in names[1:]:
        other = place.program(run_id=name)
        start(other, other.add_step(name, lambda: None))
        assert other.run()
    with place.reader() as reader:
        assert {run.run_id for run in reader.runs(0)} == set(names)


def test_programs_are_kept_apart_to_the_letter(place: Place) -> None:
    for name in ALIKE:
        made = evr.Eventor(name, place.location, run_id=name, config={"task_construct": "invoke"})
        start(made, made.add_step("s", int))
        if place.store.backend.is_shared:
            assert made.run()
            with place.reader() as reader:
                assert [run.run_id for run in reader.runs(0, name)] == [name]


def test_keys_of_loops_are_kept_apart_to_the_letter(place: Place) -> None:
    keys = [key for key in (*ALIKE, *ODD) if "." not in key]
    made = flow(place.location if place.store.backend.is_shared else ":memory:")
    each = made.add_step("each", loop=lambda: {key: number for number, key in enumerate(keys)})
    inner = each.add_step("inner", lambda item: item, args=(each.item,))
    assert made.run()
    assert [made.result(inner, f"1.{key}") for key in keys] == list(range(len(keys)))


@pytest.mark.parametrize("text", ["a\0b", "\udc80", "\N{ROCKET}", "\\u0000", "\\x00"])
def test_any_text_is_a_result_an_error_and_output(place: Place, text: str) -> None:
    def fails() -> None:
        print(text)
        raise ValueError(text)

    program = place.program(stop_on_exception=False)
    kept, failed = program.add_step("kept", lambda: {text: [text]}), program.add_step("failed", fails)
    start(program, kept, failed)
    assert not program.run()
    assert program.result(kept, 1) == {text: [text]}
    (task,) = program.tasks("failed")
    shown = text.encode("utf-8", "backslashreplace").decode()
    nul = "\N{REPLACEMENT CHARACTER}" if isinstance(place.store.backend, PostgreSQL) else "\0"
    assert task.error == f"ValueError: {shown.replace(chr(0), nul)}"


# limits


@pytest.mark.parametrize("run_id", ["a\0b", "\udc80"])
def test_a_run_id_that_no_store_can_hold_is_refused_and_never_found(place: Place, run_id: str) -> None:
    program = place.program()
    start(program, program.add_step("step", int))
    with pytest.raises(ConfigError, match="must not contain NUL or lone surrogates"):
        program.run(run_id=run_id)
    assert program.run()
    with place.reader() as reader, pytest.raises(RunNotFoundError):
        reader.run(run_id, 0)
    with pytest.raises(RunNotFoundError):
        place.store.find_run(None, run_id)


@pytest.fixture(params=REMOTE)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return KINDS[request.param](tmp_path)


def test_the_longest_names_are_kept(server: str) -> None:
    rocket = "\N{ROCKET}"
    program = evr.Eventor(rocket * LONGEST_IDENTITY, server, run_id="r" * LONGEST_IDENTITY,
                          config={"task_construct": "invoke"})  # fmt: skip
    event = program.add_event(rocket * LONGEST_NAME)
    step = program.add_step(rocket * LONGEST_NAME, int)
    program.add_assoc(event, step, delay=0.001)
    program.trigger_event(event, rocket * LONGEST_SEQUENCE)
    assert program.run()
    assert program.result(step, rocket * LONGEST_SEQUENCE) == 0


@pytest.mark.parametrize(
    ("what", "longest"),
    [("program", LONGEST_IDENTITY), ("run id", LONGEST_IDENTITY), ("step", LONGEST_NAME), ("event", LONGEST_NAME),
     ("sequence", LONGEST_SEQUENCE)],
)  # fmt: skip
def test_longer_ones_are_refused_before_anything_runs(server: str, what: str, longest: int) -> None:
    text = "x" * (longest + 1)
    said = {what: text}
    ran: list[int] = []
    program = evr.Eventor(said.get("program", "p"), server, run_id=said.get("run id", ""),
                          config={"task_construct": "invoke"})  # fmt: skip
    event = program.add_event(said.get("event", "e"))
    program.add_assoc(event, program.add_step(said.get("step", "s"), lambda: ran.append(1)))
    program.trigger_event(event, said.get("sequence", 1))
    with pytest.raises(ProgramError, match=rf"^{what} 'xxx.*has {longest + 1} characters.* at most {longest}; shorten"):
        program.run()
    assert not ran


def test_a_key_that_is_too_long_fails_its_loop_and_another_one_recovers_the_run(server: str) -> None:
    keys = ["short", "k" * LONGEST_SEQUENCE]

    def made(mode: seq.RunMode) -> seq.Sequent:
        program = flow(server, mode, stop_on_exception=False)
        each = program.add_step("each", loop=lambda: dict.fromkeys(keys, 1))
        each.add_step("inner", int)
        program.add_step("beside", int)
        return program

    first = made(seq.RunMode.restart)
    assert not first.run()
    (container,) = first.tasks("each")
    assert f"has {LONGEST_SEQUENCE + 2} characters" in str(container.error)
    assert f"keeps at most {LONGEST_SEQUENCE}; shorten the keys" in str(container.error)
    assert [task.status for task in first.tasks("beside")] == [TaskStatus.success]
    keys[1] = "k" * (LONGEST_SEQUENCE - 2)
    assert made(seq.RunMode.recover).run()


def test_an_event_at_a_sequence_that_is_too_long_fails_the_step_that_triggers_it(server: str) -> None:
    program = eventor(server, stop_on_exception=False)
    event = program.add_event("event")
    program.add_assoc(event, program.add_step("later", int))
    step = program.add_step("step", lambda: evr.current().trigger(event, "x" * (LONGEST_SEQUENCE + 1)))
    start(program, step)
    assert not program.run()
    (task,) = program.tasks("step")
    assert f"has {LONGEST_SEQUENCE + 1} characters" in str(task.error)
    assert not program.tasks("later")
