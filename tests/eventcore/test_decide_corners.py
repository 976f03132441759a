"""The deciding layer by itself, where two things meet: ends and tries, queues and cancellations, memory and store."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from eventcore.decide import verdict
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.turn import Turn
from eventcore.define.config import Config, StepConfig
from eventcore.define.event import Event, EventKind
from eventcore.define.outcome import Outcome
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Program, Step
from eventcore.define.status import StepStatus, TaskStatus, Verdict
from eventcore.errors import ProgramError
from tests.property.test_decisions import NoArchive


def work() -> None:
    """Nobody calls it here."""


class Kept(NoArchive):
    """A store that has what left memory."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[list[str], list[tuple[str, TaskStatus]]]] = {}

    def iteration(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        return self.known.get(sequence, ([], []))


class Forgetful(Turn):
    """A turn that keeps no quiet iteration in memory."""

    QUIET_ITERATIONS = 0


class Made:
    """A program of raw steps that one event starts."""

    def __init__(self) -> None:
        self.program = Program("corners")
        self.go = self.program.add_event("go")

    def step(self, name: str, func: Callable[[], None] | None = work, at: Event | None = None, **more: Any) -> Step:
        settings = {"triggers": {}, "acquires": (), "releases": None, "recovery": {}, "config": StepConfig()} | more
        step = self.program.add_step(name, func, (), {}, **settings)
        self.program.add_assoc(self.go if at is None else at, (step,))
        return step

    def turn(self, kind: type[Turn] = Turn, archive: NoArchive | None = None) -> Turn:
        turn = kind(Plan(self.program, Config(max_concurrent=0)), History(), archive or NoArchive(), {})
        turn.start(self.go, "1")
        turn.settle()
        return turn


def asked(turn: Turn, verb: str, **argument: str) -> str | None:
    """What a request is answered with at once: why it is refused, None where it is done, or `taken`."""
    turn.taken_changes()
    turn.asked(next(_numbers), verb, argument)
    turn.settle()
    answers = turn.taken_changes().answers
    return answers[0][1] if answers else "taken"


_numbers = count(1)


def status_of(turn: Turn, step: str) -> TaskStatus:
    return turn.context.iteration("", "1").tasks[step].status


def test_only_events_that_users_declared_are_triggered_from_outside() -> None:
    made = Made()
    made.program.add_event("inner", kind=EventKind.internal)
    turn = made.turn()
    for name in ("inner", "nowhere"):
        with pytest.raises(ProgramError, match=f"no event '{name}'"):
            turn.trigger(name, "1")
        assert name in (asked(turn, "trigger", event=name, sequence="1") or "")


def test_a_run_is_cancelled_once_and_not_when_nothing_is_left() -> None:
    made = Made()
    made.step("s")
    turn = made.turn()
    assert asked(turn, "cancel") == "taken"
    assert "already" in (asked(turn, "cancel") or "")
    empty = Made().turn()
    assert "nothing left" in (asked(empty, "cancel") or "")


def test_cancelling_a_run_cancels_what_waits_for_units() -> None:
    made, pool = Made(), ResourcePool("p", 1)
    for name in ("first", "second"):
        made.step(name, acquires=((pool, 1),))
    turn = made.turn()
    assert status_of(turn, "second") is TaskStatus.ready
    assert asked(turn, "cancel") == "taken"
    assert status_of(turn, "second") is TaskStatus.cancelled
    assert verdict.of(turn.context) is Verdict.cancelled


def test_an_instance_that_waits_is_cancelled_and_lets_others_have_its_turn() -> None:
    made, pool = Made(), ResourcePool("p", 2)
    made.step("holds", acquires=((pool, 1),))
    made.step("wants both", acquires=((pool, 2),))
    made.step("wants one", acquires=((pool, 1),))
    turn = made.turn()
    assert asked(turn, "cancel", path="wants both") is None
    assert status_of(turn, "wants both") is TaskStatus.cancelled
    assert status_of(turn, "wants one") is TaskStatus.active


def test_an_instance_is_cancelled_once() -> None:
    made = Made()
    made.step("s")
    turn = made.turn()
    assert asked(turn, "cancel", path="s") == "taken"
    assert "already" in (asked(turn, "cancel", path="s") or "")
    task = turn.context.iteration("", "1").tasks["s"]
    turn.ended(task, Outcome(False, error="ended"))
    turn.settle()
    assert task.status is TaskStatus.cancelled


def test_a_step_that_keeps_its_units_gives_them_back_when_it_is_cancelled() -> None:
    made, pool = Made(), ResourcePool("p", 1)
    made.step("keeps", acquires=((pool, 1),), releases=())
    made.step("wants", acquires=((pool, 1),))
    turn = made.turn()
    assert asked(turn, "cancel", path="keeps") == "taken"
    turn.ended(turn.context.iteration("", "1").tasks["keeps"], Outcome(False, error="ended"))
    turn.settle()
    assert status_of(turn, "wants") is TaskStatus.active


def test_a_step_cannot_trigger_an_internal_event() -> None:
    made = Made()
    made.program.add_event("internal", kind=EventKind.internal)
    made.step("s")
    turn = made.turn()
    turn.ended(turn.context.iteration("", "1").tasks["s"], Outcome(True, raised=(("internal", None),)))
    turn.settle()
    assert status_of(turn, "s") is TaskStatus.failure
    assert "internal" not in turn.context.iteration("", "1").facts


def test_a_task_that_is_cancelled_between_two_tries_is_not_tried_again() -> None:
    made = Made()
    made.step("s", config=StepConfig(retries=1, retry_delay=5.0))
    turn = made.turn()
    task = turn.context.iteration("", "1").tasks["s"]
    turn.ended(task, Outcome(False, error="boom"))
    turn.settle()
    assert status_of(turn, "s") is TaskStatus.ready
    assert asked(turn, "cancel", path="s") is None
    turn.time_came(10.0)
    turn.settle()
    assert status_of(turn, "s") is TaskStatus.cancelled
    assert not turn.taken_changes().starts


def test_what_left_memory_is_read_back_and_not_done_again() -> None:
    made, archive = Made(), Kept()
    done = made.program.add_event("done")
    made.program.add_event("both", (made.go, done))
    made.program.add_event("plain")
    made.step("s", triggers={StepStatus.success: (done,)})
    turn = made.turn(Forgetful, archive)
    task = turn.context.iteration("", "1").tasks["s"]
    turn.ended(task, Outcome(True))
    for number in range(2, 9):
        turn.trigger("plain", str(number))
    turn.settle()
    assert ("", "1") not in turn.context.state.iterations
    archive.known["1"] = (["go", "done", "both"], [("s", TaskStatus.success), ("gone since", TaskStatus.success)])
    turn.taken_changes()
    turn.trigger("go", "1")
    turn.trigger("done", "1.2")
    turn.settle()
    changes = turn.taken_changes()
    assert not changes.created
    assert ("", "both", "1.2", None) in changes.facts


def test_many_starts_are_recorded_bit_by_bit() -> None:
    made = Made()
    for number in range(5):
        made.step(f"s{number}")

    class Small(Turn):
        STARTS_A_TURN = 2

    turn = Small(Plan(made.program, Config(max_concurrent=0)), History(), NoArchive(), {})
    turn.start(made.go, "1")
    started = []
    while turn.settle():
        started.append(len(turn.taken_changes().starts))
    assert started == [2, 2]
    assert isinstance(made.go, Event)


def test_steps_that_need_no_worker_are_recorded_bit_by_bit_too() -> None:
    made = Made()
    before = made.go
    for number in range(4):
        done = made.program.add_event(f"done {number}")
        step = made.step(f"s{number}", func=None, at=before, triggers={StepStatus.success: (done,)})
        before = done

    class Small(Turn):
        STARTS_A_TURN = 2

    turn = Small(Plan(made.program, Config()), History(), NoArchive(), {})
    turn.start(made.go, "1")
    ended = []
    while turn.settle():
        ended.append(len(turn.taken_changes().ended))
    assert ended == [2, 2]
    assert status_of(turn, step.name) is TaskStatus.success
