"""Triggers: the moments of a step to which events are mapped."""

from collections.abc import Callable
from typing import Any

import pytest

import eventcore as evr
from tests.support import boom, eventor, start

WORDS = ("ready", "active", "success", "failure", "complete")


def raised_by(func: Callable[..., Any] | None, names: dict[object, str]) -> list[str]:
    """The moments whose events were triggered, in their order."""
    came: list[str] = []
    ev = eventor()
    triggers: dict[Any, tuple[evr.Event]] = {}
    for status, name in names.items():
        event = ev.add_event(name)
        triggers[status] = (event,)
        ev.add_assoc(event, ev.add_step(f"note {name}", came.append, (name,)))
    start(ev, ev.add_step("s", func, triggers=triggers))
    ev.run()
    return came


@pytest.mark.parametrize(
    ("func", "moments"),
    [(lambda: 1, ["ready", "active", "success", "complete"]), (boom, ["ready", "active", "failure", "complete"]),
     (None, ["ready", "active", "success", "complete"])],
)  # fmt: skip
def test_a_step_raises_the_events_of_its_moments(func: Callable[..., Any] | None, moments: list[str]) -> None:
    assert sorted(raised_by(func, {evr.StepStatus(word): word for word in WORDS})) == sorted(moments)


def test_the_older_spelling_means_the_same() -> None:
    older = {getattr(evr.StepTriggers, f"at_{word}"): word for word in WORDS}
    assert sorted(raised_by(boom, older)) == ["active", "complete", "failure", "ready"]


def test_the_constants_are_the_members_of_the_enums() -> None:
    for word in WORDS:
        assert getattr(evr, f"STEP_{word.upper()}") is evr.StepStatus(word)
    assert (evr.StepReplay.rerun, evr.StepReplay.skip) == (evr.STEP_RERUN, evr.STEP_SKIP)
    modes = (evr.RunMode.restart, evr.RunMode.recover, evr.RunMode.continue_)
    assert modes == (evr.RUN_RESTART, evr.RUN_RECOVER, evr.RUN_CONTINUE)


def test_several_events_can_follow_one_moment_and_one_may_stand_without_a_tuple() -> None:
    ran: list[str] = []
    ev = eventor()
    a, b, c = (ev.add_event(name) for name in "abc")
    for event in (a, b, c):
        ev.add_assoc(event, ev.add_step(event.name.upper(), ran.append, (event.name,)))
    start(ev, ev.add_step("s", triggers={evr.STEP_SUCCESS: [a, b], evr.STEP_COMPLETE: c}))
    assert ev.run()
    assert ran == ["a", "b", "c"]


def test_a_step_without_function_succeeds_at_once() -> None:
    ran: list[str] = []
    ev = eventor(task_construct="process")
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("after", ran.append, ("after",), config={"task_construct": "invoke"}))
    start(ev, ev.add_step("nothing", triggers={evr.STEP_SUCCESS: done}))
    assert ev.run()
    assert ran == ["after"]


def test_the_seeds_other_names_of_a_status_are_triggers_too() -> None:
    ran: list[str] = []
    ev = eventor()
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("next", ran.append, ("next",)))
    start(ev, ev.add_step("s", int, triggers={evr.StepState.success: (done,)}))
    assert ev.run()
    assert ran == ["next"]
