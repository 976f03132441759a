"""Users' programs are type-checked: honest ones pass, also those of the guide and of the seeds, mistakes are found.

One process of mypy looks at all of them, since starting it is slow.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import eventcore
import sequent
import visual
from tests.docs.pages import GUIDE, blocks_of
from tests.support import ROOT

RIGHT = """
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import eventcore as evr
import sequent as seq
from sequent.testing import run_flow


def load(name: str, number: int = 0) -> int:
    return number


def names() -> list[str]:
    return ["a"]


def by_name() -> dict[str, int]:
    return {"a": 1}


def lines() -> Iterator[str]:
    yield "line"


def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


licences = seq.ResourcePool("licences", 4)
tapes = seq.ResourcePool("tapes", resource_cls=seq.Resource, policy={"resource_limit": 2}).load()
policy = {seq.STEP_FAILURE: seq.STEP_RERUN}
by_task = {seq.TaskStatus.success: seq.StepReplay.rerun}
skip = seq.STEP_SKIP
settings = {"retries": 3}
sections = {"SEQUENT": {"max_concurrent": 4}}



class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


seq.register_codec(Money, name="money", encode=lambda money: money.cents, decode=Money)
seq.register_codec(Money, name="m2", encode=lambda m: [m.cents], decode=lambda v: Money(*v), suffix=".txt")

flow = seq.Sequent("x", Path("x.db"), seq.RUN_RESTART, None, None, False, "INFO", sections, True)
other = seq.Sequent(run_id=None, config=settings, logging_level=10)
a = flow.add_step("a", load, args=("a",), kwargs={"number": 1}, recovery=policy, config=settings)
b = flow.add_step("b", loop=[1, 2], recovery=by_task, require=((a, seq.STEP_SUCCESS),), acquires=[(licences, 1)])
b.add_step("c", print, args=(b.item, b.key, seq.item, a.result), config={"task_construct": pool, "timeout": 2})
flow.add_step("d", loop={"a": 1}, recovery={seq.StateStatus.complete: seq.STEP_RERUN})
flow.add_step("e", loop=names, repeat=None, acquires=((licences, 1), (tapes, 2)), releases=[])
flow.add_step("f", loop=by_name, config={"task_construct": threading.Thread})
flow.add_step("g", loop=lines, config={"task_construct": multiprocessing.Process, "retry_delay": [0.1, 1]})
flow.add_step("p", print, args=(a.result["x"].rows[0][1:], b.previous().result, seq.previous("p", 2, b).result.x))
flow.add_step("q", when=(a.result == "full") & ~(b.previous(loop="b").result["n"] > 0) | a.result.ready)
flow.add_step("r", loop=a.result.rows, when=names)
flow.add_step("s", print, args=(b.results(b.children["c"])["x"],), loop=b.results(b.children["c"]))
flow.add_step("h", loop=a.result, config={"task_construct": seq.Invoke})
flow.add_step("i", load, repeats=range(3), recovery={seq.TaskStatus.ready: skip, seq.TaskStatus.active: skip})
done = flow.add_event(((a, seq.STEP_SUCCESS), (b, seq.STEP_COMPLETE)))
either = flow.add_event(seq.or_((a, seq.STEP_SUCCESS), ("b", seq.STEP_FAILURE)) & done)
pairs = [(step, seq.STEP_SUCCESS) for step in (a, b)]
flow.add_step("j", require=pairs)
flow.add_step("k", require=(done, either, ("a", seq.StepState.success), seq.and_(done, (a, seq.STEP_READY)) | either))
flow.add_step("l", require=((step, seq.STEP_SUCCESS) for step in (a, b)))
flow.add_step("m", require=[[(a, seq.STEP_SUCCESS), done], (b, seq.STEP_SUCCESS)], requires=None)
flow.add_step("n", require=done)
flow.add_step("t", require=((flow, seq.STEP_OVER), (a.previous(), seq.STEP_SUCCESS), seq.any_of(b, seq.STEP_FAILURE)))
flow.add_step("u", require=seq.or_((flow, seq.STEP_FAILURE), (seq.previous("u", 2), seq.STEP_SUCCESS)))
flow.add_step("o", seq.shell("ls {0}"), args=("a",), loop=[1])


@b.step("p", args=(b.item,), require=((a, seq.STEP_SUCCESS),), config={"retries": 1})
def decorated(item: int) -> int:
    return item


flow.add_step("q", load, args=(decorated.path,), require=((b, seq.STEP_SUCCESS),))
facts = run_flow(flow, config={"max_concurrent": 2})
statuses: dict[str, seq.TaskStatus] = facts.statuses
ok: bool = flow.run(3, run_mode=seq.RUN_RECOVER, run_id="x", store="y.db")
ok = flow()
going: evr.BackgroundRun = flow.run(background=True)
ok = going.wait(1.5) and going.cancel().is_done and going.status == "success"
total, due = flow.count_todos()
loaded: dict[str, object] = flow.results(a) | flow.results("b/c")
first: object = flow.result(a, 1)
slowest: float = max(task.seconds or 0.0 for task in seq.stored_run(Path("x.db"), "x").tasks("a"))
answer = flow.add_wait("answer", ((a, seq.STEP_SUCCESS),), timeout=60, default=None)
half = a.event("half")
flow.add_step("early", print, args=(half.value, answer.result), require=half)
flow.add_step("both", print, require=(half, (answer, seq.STEP_SUCCESS), (flow, seq.STEP_OVER)))
flow.add_step("ask", seq.poll(load, every=1), args=("a",))
flow.signal("answer", [1], "1")
told: evr.Answer = seq.complete("ticket", {"rows": 1}, store=Path("x.db"))
run_id: str = flow.run_id
level: int = flow.config.logging_level
with seq.Sequent() as inner:
    inner.configure({"max_concurrent": 2})

program = evr.Eventor(store=":memory:", shared_db=None)
e1, e2 = program.add_event("1"), program.add_event("2")
e3 = program.add_event("3", (e1, e2))
waited = [program.add_event(name) for name in "abc"]
e4 = program.add_event("4", expr=waited)
e5 = program.add_event("5", expr=evr.or_(e1, (e2, e3)) & e4)
e6 = program.add_event("6", [e1, [e2, evr.or_(e3, e4)]])
maps = {evr.STEP_SUCCESS: waited}
s1 = program.add_step("s1", load, ("a",), {"number": 2}, {evr.STEP_SUCCESS: (e1,), evr.StepState.failure: e2})
s2 = program.add_step("s2", triggers=maps, recovery=by_task)
s3 = program.add_step("s3", triggers={evr.StepTriggers.at_success: waited}, acquires=[(licences, 1)])
program.add_assoc(e1, s1, s2, e3, delay=0.5)
program.trigger_event(e1, 3)
program.trigger_event("1", "a.b")


def work() -> None:
    evr.current().trigger("1", 3)
    print(seq.current().item + 1, seq.current().key)
    evr.current().trigger("1", now=True)
    seq.current().emit("half", [1])
    ticket: str = seq.current().defer(timeout=1.5)
    if not ticket:
        raise seq.Skip("nothing")
"""
WRONG = """
import eventcore as evr
import sequent as seq

seq.Sequentt()  # attr-defined
evr.Eventorr()  # attr-defined
seq.Sequent(nmae="x")  # call-arg
seq.Sequent(run_id=7)  # arg-type
seq.Sequent(config=3)  # arg-type
evr.Eventor(nmae="x")  # call-arg
evr.Eventor(run_mode="recover")  # arg-type
flow = seq.Sequent()
pool = seq.ResourcePool("p", "4")  # arg-type
a = flow.add_step("a", 3)  # arg-type
flow.add_step("b", print, arg=(1,))  # call-arg
flow.add_step("c", require=(a,))  # arg-type
flow.add_step("c", require="a")  # arg-type
flow.add_step("c", require=((a, "success"),))  # arg-type
flow.add_step("c", require=((a, seq.TaskStatus.success),))  # arg-type
flow.add_step("d", loop=3)  # arg-type
flow.add_step("d", loop=lambda x: [x])  # arg-type
flow.add_step("e", acquires=[pool])  # list-item
flow.add_step("e", acquires=[("pool", 1)])  # list-item
flow.add_step("f", recovery={"success": seq.STEP_SKIP})  # arg-type
flow.add_step("f", recovery={seq.STEP_SUCCESS: seq.STEP_SUCCESS})  # arg-type
flow.add_step("g", config=[("retries", 1)])  # arg-type
flow.add_step("h", delay="1")  # arg-type
flow.add_step("i", print, args=(a.result[1.5],))  # index
flow.add_step("j", print, args=a.result)  # arg-type
flow.add_step("k", when="full")  # arg-type
flow.add_step("l", when=(a.result == 1) & 2)  # operator
flow.result(1)  # arg-type
flow.step(nmae="x")  # call-arg
seq.shell(["ls"])  # arg-type
seq.register_codec(seq.Sequent, name="x", encode=str, decode=str)  # arg-type
seq.register_codec(seq.Sequent, encode=str, decode=seq.Sequent)  # call-arg
flow.run(max_loop=1)  # call-overload
flow.run("1")  # call-overload
flow.run(run_mode="restart")  # call-overload
flow.add_event(a)  # arg-type
seq.or_(a)  # arg-type
level: str = flow.config.logging_level  # assignment
program = evr.Eventor()
e = program.add_event("e", "a")  # arg-type
program.add_event("e", (e, "b"))  # arg-type
program.add_event("f", expr=(e, a))  # arg-type
program.add_step("s", triggers={"success": (e,)})  # dict-item
program.add_step("s", triggers={evr.STEP_SUCCESS: "e"})  # dict-item
program.add_step("s", require=())  # call-arg
program.add_assoc(e, "s")  # arg-type
program.trigger_event(e, 1.5)  # arg-type
"""
SETTINGS = f"""
[mypy]
mypy_path = {ROOT}
strict = True
disallow_untyped_defs = False
disallow_incomplete_defs = False
disallow_untyped_calls = False
[mypy-right,wrong]
disallow_untyped_defs = True
disallow_incomplete_defs = True
disallow_untyped_calls = True
[mypy-eventcore.*,sequent.*,visual.*]
ignore_errors = True
[mypy-sqlalchemy.*,networkx.*,rich.*,click.*,numpy.*]
follow_imports = skip
[mypy-pandas.*]
ignore_missing_imports = True
"""


def programs() -> Iterator[tuple[str, str]]:
    """Everything that is checked: the name of a module, and its text."""
    yield "right", RIGHT
    yield "wrong", WRONG
    for file in sorted((ROOT / "examples").glob("*.py")):
        yield file.stem, file.read_text(encoding="utf-8")
    for page in (*GUIDE, ROOT / "README.md"):
        for block in blocks_of(page.read_text(encoding="utf-8")):
            if block.language == "python":
                yield f"{page.stem.lower().replace('-', '_')}_{block.line}", block.text


def test_honest_programs_pass_and_mistakes_are_found(tmp_path: Path) -> None:
    expected: set[tuple[str, int, str]] = set()
    for name, text in programs():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        if name == "wrong":
            marks = (re.search(r"  # ([a-z-]+)$", line) for line in text.splitlines())
            expected |= {(name, number, mark[1]) for number, mark in enumerate(marks, 1) if mark}
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", os.devnull, "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    found = re.findall(r"^(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert {(name, int(line), code) for name, line, code in found} == expected, done.stdout + done.stderr
    assert len(expected) > 30


@pytest.mark.parametrize("package", [eventcore, sequent, visual], ids=lambda package: package.__name__)
def test_public_signatures_name_every_argument_and_its_type(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        for where, function in functions(name, getattr(package, name)):
            for parameter in inspect.signature(function).parameters.values():
                assert parameter.kind is not parameter.VAR_KEYWORD, where
                if parameter.name not in ("self", "cls"):
                    assert parameter.annotation is not parameter.empty, (where, parameter.name)
                    assert "Any" not in re.findall(r"\w+", str(parameter.annotation)), (where, parameter.name)


def functions(name: str, found: object) -> Iterator[tuple[str, Callable[..., object]]]:
    """A function, or what a class of this project lets its users call; what dataclasses are made by is not for them."""
    if inspect.isfunction(found):
        yield name, found
    elif inspect.isclass(found) and not hasattr(found, "__dataclass_fields__"):
        for kind in found.__mro__:
            if kind.__module__.partition(".")[0] in ("eventcore", "sequent", "visual"):
                for member, value in vars(kind).items():
                    is_offered = member == "__init__" or not member.startswith("_")
                    if inspect.isfunction(value) and is_offered and kind.__name__ != "FlowStep":
                        yield f"{name}.{member}", value
