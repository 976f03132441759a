"""What `check` finds in what steps call: arguments, functions that are None, what stays in the flow's process."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

import eventcore as evr
import sequent as seq
from sequent.errors import CombinedError, RequireError
from tests.support import ROOT, boom, flow, run_script

Pair = namedtuple("Pair", "a b")


def large(size: int = 1 << 50_000) -> int:
    """A function with a default that Python refuses to write."""
    return size


def two(a: int, b: int) -> int:
    return a + b


@dataclass(frozen=True, slots=True)
class Frozen:
    value: Any
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append("once")


class Struct(msgspec.Struct, frozen=True):
    value: Any


@dataclass
class Node:
    value: Any
    inner: Node | None = None


@pytest.mark.parametrize(
    ("wrap", "unwrap"),
    [
        (lambda r: {r}, lambda v: v.pop()),
        (lambda r: frozenset([r]), lambda v: next(iter(v))),
        (lambda r: {r: "key"}, lambda v: next(iter(v))),
        (lambda r: Pair(1, r), lambda v: v.b),
        (Frozen, lambda v: v.value),
        (Struct, lambda v: v.value),
        (lambda r: Node(1, Node([{"x": (r,)}])), lambda v: v.inner.value[0]["x"][0]),
    ],
)
@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_references_are_resolved_in_what_arguments_are_made_of(
    wrap: Callable[[Any], Any], unwrap: Callable[[Any], Any], construct: str
) -> None:
    ran = flow(task_construct=construct)
    a = ran.add_step("a", lambda: 7)
    ran.add_step("b", lambda value, again: unwrap(value) * again, args=(wrap(a.result),), kwargs={"again": 2})
    ran.check()
    assert ran.run(), ran.tasks()
    assert ran.result("b") == 14


def test_objects_with_references_are_copied_and_others_stay_themselves() -> None:
    ran = flow()
    a = ran.add_step("a", lambda: 7)
    mine, plain = Frozen(a.result), Node(1)
    plain.inner = plain  # it contains itself
    circle = Node(a.result)
    circle.inner = circle
    seen: list[Any] = []
    ran.add_step("b", lambda *values: seen.extend(values), args=(mine, plain, circle))
    assert ran.run()
    assert seen[0] == Frozen(7, ["once", "once"]) or seen[0].made == ["once"]
    assert mine.value is not seen[0].value
    assert seen[1] is plain
    assert seen[2] is seen[2].inner
    assert (seen[2].value, repr(circle.value)) == (7, "a.result")


class Holder:
    """Has something where nobody looks."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> None:
        """Do nothing."""


def test_a_reference_that_is_not_found_is_refused() -> None:
    ran = flow(task_construct="process")
    a = ran.add_step("a", lambda: 7)
    ran.add_step("b", print, args=(Holder(a.result),))
    with pytest.raises(
        seq.FlowError, match=r"step 'b': its argument 1 cannot .* a.result stands for a value, and is not"
    ):
        ran.check()


class Nightly(seq.Sequent):
    """A flow whose steps are its methods."""

    def __init__(self, **config: Any) -> None:
        super().__init__("nightly", ":memory:", config={"logging_level": "CRITICAL", **config})
        self.loaded = self.add_step("load", self.load)

    def load(self) -> str:
        return self.name


class Job:
    """An object that has a flow and its steps."""

    def __init__(self, made: seq.Sequent) -> None:
        self.made = made

    def work(self) -> str:
        return self.made.name


def test_methods_of_a_flow_work_where_it_is_and_are_refused_elsewhere() -> None:
    here = Nightly(task_construct="thread")
    here.check()
    assert here.run()
    assert here.result(here.loaded) == "nightly"
    elsewhere = Nightly()
    with pytest.raises(
        seq.FlowError, match=r"step 'load': its function cannot be sent .* it has program 'nightly' in it"
    ):
        elsewhere.check()
    assert not elsewhere.run()
    [task] = elsewhere.tasks()
    assert task.error is not None
    assert "program 'nightly'" in task.error


def test_a_flow_and_a_step_among_the_arguments_are_refused() -> None:
    ran = flow(task_construct="process")
    a = ran.add_step("a", Job(ran).work)
    ran.add_step("b", two, args=(ran, a))
    found = "\n".join(ran.problems())
    assert "step 'a': its function cannot be sent to a worker process (ProgramError: it has program 'flow'" in found
    assert "step 'b': its argument 1 cannot be sent" in found
    assert (
        "step 'b': its argument 2 cannot be sent to a worker process (ProgramError: it has step 'a' in it; for" in found
    )
    kernel = evr.Eventor("kernel", ":memory:")
    kernel.add_step("s", print, args=(kernel,))
    assert "it has program 'kernel' in it" in kernel.problems()[0]


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [endless, deep])
def test_arguments_that_nobody_could_follow_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(seq.FlowError, match="step 'a': an argument contains itself, or is nested deeper than"):
        flow().add_step("a", print, kwargs={"x": make()})
    kernel = evr.Eventor("kernel", ":memory:")
    kernel.add_step("s", print, args=(make(),))
    assert "step 's': its argument 1 cannot be sent to a worker process (RecursionError" in kernel.problems()[0]


def test_a_flow_can_still_be_copied() -> None:
    ran = flow()
    a = ran.add_step("a", lambda: 7)
    ran.add_step("b", lambda found: found * 2, args=(a.result,))
    copied = copy.deepcopy(ran)
    assert copied.run()
    assert copied.result("b") == 14
    assert ran.children["a"] is not copied.children["a"]


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (
            lambda f: f.add_step("s", two, args=(1,)),
            r"its function two\(.*\).* does not fit .*: missing .* argument: 'b'",
        ),
        (lambda f: f.add_step("s", two, args=(1, 2, 3)), "does not fit its arguments: too many positional arguments"),
        (
            lambda f: f.add_step("s", two, kwargs={"a": 1, "c": 2}),
            "does not fit its arguments: missing a .* argument: 'b'",
        ),
        (lambda f: f.add_step("s", functools.partial(two, 1), args=(1, 2)), "too many positional arguments"),
        (lambda f: f.add_step("s", Holder(1), args=(1,)), "its function Holder.* too many positional arguments"),
        (lambda f: f.add_step("s", large, args=(1, 2)), r"its function large\(...\) .* too many positional arguments"),
        (lambda f: f.add_step("s", seq.shell("ls {0}")), "missing a required argument: 'argument_0'"),
        (
            lambda f: f.add_step("s", seq.shell("ls {a}")),
            r"its function shell\('ls {a}'\), which takes \(\*, a\), does not fit its arguments: missing a",
        ),
        (lambda f: f.add_step("s", loop=lambda day: [day]), "its loop .* missing a required argument: 'day'"),
        (lambda f: f.add_step("s", None), r"its function is None; pass the function itself \(work, not work\(\)\)"),
        (lambda f: f.add_step("s", None, loop=[1]), "its function is None"),
        (lambda f: f.add_step("s", args=(1,)), "it has arguments, but no function"),
        (
            lambda f: f.add_step("s", print, args=(f.add_step("a").result,)),
            r"it uses a.result, but step 'a' has no func",
        ),
        (lambda f: f.add_step("s", loop=f.add_step("a").result), "it uses a.result, but step 'a' has no func"),
    ],
)
def test_what_would_only_show_in_the_run_is_refused_by_check(add: Callable[[seq.Sequent], Any], said: str) -> None:
    made = flow()
    add(made)
    with pytest.raises(seq.FlowError, match=f"step 's': .*{said}"):
        made.check()


def test_what_can_be_meant_is_not_refused() -> None:
    made = flow(task_construct="process")
    a = made.add_step("a", two, args=(1,), kwargs={"b": 2})
    made.add_step("container", None).add_step("inside", print, args=(a.result, "x"), kwargs={"sep": ""})
    made.add_step("milestone", require=((a, seq.STEP_SUCCESS),))
    made.add_step("any", lambda *args, **kwargs: None, args=(1, 2), kwargs={"x": 3})
    made.add_step("loop", two, kwargs={"a": seq.item, "b": 1}, loop=functools.partial(range, 3))
    made.add_step("class", dict, kwargs={"x": a.result})
    made.add_step("min", min, args=(1, 2))
    made.check()
    assert made.problems() == []


def wrong() -> seq.Sequent:
    """A flow with one mistake of each kind."""
    made = flow(task_construct="process")
    made.add_step("misnamed", print, require=(("mising", seq.STEP_SUCCESS),))
    inner = made.add_step("outer").add_step("inner", print)
    made.add_step("reaching", print, args=(inner.result,))
    made.add_step("limited", config={"max_concurrent": 2}).add_step("inside", print)
    made.add_step("unfit", two, args=(1,))
    made.add_step("none", None)
    made.add_step("unsendable", print, args=(threading.Lock(),))
    return made


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(CombinedError) as caught:
        wrong().check()
    told = [error.partition(":")[0] for error in caught.value.errors]
    assert [name.split("'")[1] for name in told] == ["limited", "misnamed", "reaching", "none", "unfit", "unsendable"]
    assert str(caught.value).startswith("6 errors:\n- step 'limited': max_concurrent")
    assert wrong().problems() == caught.value.errors


def test_one_error_is_raised_as_what_it_is() -> None:
    made = flow()
    made.add_step("misnamed", print, require=(("mising", seq.STEP_SUCCESS),))
    with pytest.raises(RequireError, match="requires 'mising'"):
        made.check()


def test_the_shells_check_reports_them_at_once_too(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(
        "import sequent as seq\nflow = seq.Sequent()\nflow.add_step('a', print, require=(('x', seq.STEP_SUCCESS),))\n"
        "flow.add_step('b', len)\nflow.add_step('c', None)\n"
    )
    shell = [sys.executable, "-c", "from sequent.cli import main; main()", "check", "flow.py"]
    done, as_json = (
        subprocess.run(
            [*shell, *options], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
        for options in ([], ["--json"])
    )
    assert (done.returncode, as_json.returncode) == (2, 2)
    assert [line.split("'")[1] for line in done.stderr.splitlines()] == ["a", "c", "b"]
    assert done.stdout == ""
    data = json.loads(as_json.stdout)
    assert (len(data["errors"]), data["steps"]) == (3, None)


def test_a_run_that_check_would_refuse_for_its_arguments_still_begins_and_its_step_fails() -> None:
    made = flow(logging_level="CRITICAL", stop_on_exception=False)
    made.add_step("unfit", two, args=(1,))
    made.add_step("fine", boom, config={"retries": 0})
    assert not made.run()
    assert "missing 1 required positional argument" in str(made.tasks("unfit")[0].error)


def test_a_function_that_uses_the_flow_of_its_script_is_refused(tmp_path: Path) -> None:
    done = run_script(
        """
        import sequent as seq

        flow = seq.Sequent("mine")


        def work():
            return flow.name


        flow.add_step("work", work)
        print(flow.problems()[0])
        """,
        tmp_path,
    )
    assert done.stdout.startswith("step 'work': its function cannot be sent to a worker process (ProgramError: it has")
