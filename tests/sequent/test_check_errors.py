"""What can be found wrong with a flow is found before anything runs, and said with the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from sequent import STEP_ACTIVE, STEP_SUCCESS, or_
from sequent.errors import CycleError, FlowError, LoopError, RequireError
from tests.support import boom, flow

OK = STEP_SUCCESS
POOL = seq.ResourcePool("cpu", 2)


def _reaching_in(f: seq.Sequent) -> None:
    inner = f.add_step("outer").add_step("inner")
    leaf = inner.add_step("leaf", print)
    f.add_step("s", print, require=((leaf, OK),))


def _reaching_aside(f: seq.Sequent) -> None:
    leaf = f.add_step("a").add_step("leaf", print)
    f.add_step("b").add_step("s", print, require=((leaf, OK),))


def _reaching_in_by_path(f: seq.Sequent) -> None:
    f.add_step("a").add_step("leaf", print)
    f.add_step("s", print, require=(("a/leaf", OK),))


def _result_from_inside(f: seq.Sequent) -> None:
    leaf = f.add_step("a").add_step("leaf", print)
    f.add_step("s", print, (leaf.result,))


def _result_of_a_container(f: seq.Sequent) -> None:
    container = f.add_step("a")
    container.add_step("leaf", print)
    f.add_step("s", print, (container.result,))


def _item_from_outside(f: seq.Sequent) -> None:
    container = f.add_step("a", loop=[1])
    container.add_step("leaf", print)
    f.add_step("s", print, (container.item,))


def _cycle_by_name(f: seq.Sequent) -> None:
    f.add_step("a", print, require=(("b", OK),))
    f.add_step("b", print, require=(("c", OK),))
    f.add_step("c", print, require=(("a", OK),))


def _cycle_through_a_container(f: seq.Sequent) -> None:
    f.add_step("a", print, require=(("c", OK),))
    f.add_step("c").add_step("leaf", print, require=(("a", OK),))


def _cycle_through_a_result(f: seq.Sequent) -> None:
    a = f.add_step("a", print, require=(("b", OK),))
    f.add_step("b", print, (a.result,))


def _own_container(f: seq.Sequent) -> None:
    c = f.add_step("c")
    c.add_step("s", print, require=((c, STEP_ACTIVE),))


def _function_with_children(f: seq.Sequent) -> None:
    f.add_step("a", print).add_step("b")


def _other_flow(f: seq.Sequent) -> None:
    f.add_step("s", print, require=((flow().add_step("theirs"), OK),))


def _other_flows_result(f: seq.Sequent) -> None:
    f.add_step("s", print, (flow().add_step("theirs").result,))


def _twice(f: seq.Sequent) -> None:
    c = f.add_step("c")
    c.add_step("s")
    c.add_step("s")


def _step(*arguments: Any, **keywords: Any) -> Callable[[seq.Sequent], Any]:
    return lambda f: f.add_step("s", *arguments, **keywords)


def _requires(of_load: Callable[[seq.FlowStep], Any]) -> Callable[[seq.Sequent], Any]:
    return lambda f: f.add_step("s", require=of_load(f.children["load"]))


def _two_pools_of_one_name(f: seq.Sequent) -> None:
    f.add_step("a", acquires=[(POOL, 1)])
    f.add_step("b", acquires=[(seq.ResourcePool("cpu", 2), 1)])


BAD: dict[str, tuple[Callable[[seq.Sequent], Any], type[Exception], list[str]]] = {
    "a name that is taken": (_twice, FlowError, ["'c/s'", "siblings need different names"]),
    "a name with a slash": (lambda f: f.add_step("a/b"), FlowError, ["'a/b'", "without /, @, #"]),
    "an empty name": (lambda f: f.add_step(""), FlowError, ["''", "non-empty text"]),
    "a function that is not callable": (_step(5), seq.EventcoreError, ["'s'", "callable", "5"]),
    "args as a text": (_step(print, "abc"), seq.EventcoreError, ["'s'", "('abc',)"]),
    "kwargs as a list": (_step(print, kwargs=[1]), seq.EventcoreError, ["'s'", "mapping"]),
    "a function that has steps": (_function_with_children, FlowError, ["'a'", "'b'", "add the function as a step"]),
    "a negative delay": (_step(delay=-1), FlowError, ["'s'", "seconds", "-1"]),
    "a delay that is no number": (_step(delay="1"), FlowError, ["'s'", "seconds", "'1'"]),
    "hosts": (_step(hosts=["a"]), FlowError, ["'s'", "hosts", "leave hosts out"]),
    "a recovery by text": (_step(recovery={"success": "skip"}), seq.EventcoreError, ["'s'", "StepReplay"]),
    "more than the pool has": (_step(acquires=[(POOL, 3)]), seq.EventcoreError,
                               ["'s'", "3 of pool 'cpu'", "only 2", "raise the pool's limit"]),
    "two pools of one name": (_two_pools_of_one_name, seq.EventcoreError, ["'b'", "'cpu'", "the same ResourcePool"]),
    "an unknown step": (_step(require=(("lod", OK),)), RequireError, ["'s'", "'lod'", "does not have", "'load'"]),
    "a step without status": (_requires(lambda load: (load,)), RequireError, ["'s'", "load", "STEP_SUCCESS"]),
    "a step alone": (_requires(lambda load: load), RequireError, ["'s'", "pairs of a step"]),
    "a status alone": (_step(require=(OK,)), RequireError, ["'s'", "is not a pair", "((step, STEP_SUCCESS),)"]),
    "a name without status": (_step(require=("load",)), RequireError, ["'s'", "'load'", "((step, STEP_SUCCESS),)"]),
    "a status by text": (_requires(lambda load: ((load, "success"),)), RequireError, ["'s'", "STEP_SUCCESS"]),
    "a number as step": (_step(require=((5, OK),)), RequireError, ["'s'", "5", "not a step"]),
    "a number as requirement": (_step(require=5), RequireError, ["'s'", "5", "pairs of a step and a status"]),
    "an empty or_": (lambda f: f.add_step("s", require=or_()), seq.EventcoreError, ["or_()", "at least one part"]),
    "an event of nothing": (lambda f: f.add_event(()), FlowError, ["add_event", "((step, STEP_SUCCESS),)"]),
    "a kernel's event": (_step(require=(evr.Event("e"),)), seq.EventcoreError, ["'s'", "'e'"]),
    "require twice": (lambda f: f.add_step("s", require=(("load", OK),), requires=(("load", OK),)), FlowError,
                      ["'s'", "require is given twice"]),
    "loop twice": (lambda f: f.add_step("s", loop=[1], repeat=[2]), FlowError, ["'s'", "loop is given twice"]),
    "a clause that reaches into a container": (_reaching_in, RequireError,
                                               ["'s'", "'outer/inner/leaf'", "require 'outer' instead"]),
    "a clause that reaches into a sibling's inside": (_reaching_aside, RequireError,
                                                      ["'b/s'", "'a/leaf'", "require 'a' instead"]),
    "a clause that reaches in by a path": (_reaching_in_by_path, RequireError, ["'a/leaf'", "require 'a' instead"]),
    "a result from inside a container": (_result_from_inside, RequireError, ["'s'", "'a/leaf'", "'a'"]),
    "the result of a container": (_result_of_a_container, FlowError, ["'s'", "container 'a'", "a.results(a/leaf)"]),
    "an item from outside its loop": (_item_from_outside, LoopError, ["'s'", "a.item", "does not contain it"]),
    "steps that wait for each other": (_cycle_by_name, CycleError, ["'a'", "'b'", "'c'", "remove one of these"]),
    "a cycle through a container": (_cycle_through_a_container, CycleError, ["'a'", "'c/leaf'"]),
    "a cycle through a result": (_cycle_through_a_result, CycleError, ["'a'", "'b'"]),
    "a step that requires itself": (_step(require=(("s", OK),)), CycleError, ["'s'", "itself", "name another step"]),
    "a step that requires its container": (_own_container, CycleError, ["'c/s'", "'c'", "contains it"]),
    "a step of another flow": (_other_flow, RequireError, ["'s'", "'theirs'", "another flow"]),
    "a result of another flow": (_other_flows_result, RequireError, ["'s'", "'theirs'", "another flow"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_run_is_refused_before_anything_does(case: str) -> None:
    write, error, words = BAD[case]
    ran: list[str] = []
    f = flow()
    f.add_step("load", ran.append, ("load",))
    with pytest.raises(error) as refused:
        write(f)
        f.run()
    for word in words:
        assert word in str(refused.value)
    assert ran == []


def test_of_many_steps_an_error_names_the_nearest() -> None:
    f = flow()
    for number in range(40):
        f.add_step(f"part{number}", print)
    f.add_step("transmit", print)
    f.add_step("s", print, require=(("transmitt", OK),))
    with pytest.raises(RequireError, match=r"it can name 'transmit', .* and 34 others$") as refused:
        f.check()
    assert str(refused.value).count("part") == 7


def test_check_finds_the_same_without_running() -> None:
    f = flow()
    _cycle_by_name(f)
    with pytest.raises(CycleError):
        f.check()


def test_a_good_flow_passes_the_check_and_nothing_runs() -> None:
    f = flow()
    f.add_step("s", boom)
    f.check()


@pytest.mark.parametrize("use", [lambda e: bool(e), lambda e: not e, lambda e: e and e])
def test_a_requirement_used_as_a_boolean_names_the_operators(use: Callable[[Any], Any]) -> None:
    f = flow()
    event = f.add_event(((f.add_step("a"), OK),))
    with pytest.raises(seq.EventcoreError, match=r"& and \|"):
        use(event)


def test_outside_a_step_current_says_where_it_belongs() -> None:
    with pytest.raises(seq.EventcoreError, match="call it in the step's function"):
        seq.current()


def test_a_status_that_is_none_is_named() -> None:
    made = flow()
    a = made.add_step("a")
    with pytest.raises(FlowError, match="unknown status 'succes'; choose one of STEP_READY"):
        made.add_step("b", require=((a, "succes"),))  # type: ignore[arg-type]  # the mistake
    with pytest.raises(FlowError, match="unknown status 'success'; choose one of STEP_READY"):
        made.add_step("b", require=(("a", "success"),))  # type: ignore[arg-type]  # the mistake
