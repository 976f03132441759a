"""What is under way in an iteration when a failure ends it, decided by itself."""

from __future__ import annotations

import sequent as seq
from eventcore.decide import verdict
from eventcore.define.pools import ResourcePool
from eventcore.define.status import TaskStatus, Verdict
from tests.eventcore.decide.flows import Decided, nothing
from tests.support import flow


def test_a_try_that_fails_after_its_iteration_was_ended_is_not_repeated_and_returns_its_units() -> None:
    program, pool = flow(), ResourcePool("p", 1)
    box = program.add_step("box")
    box.add_step("breaks", nothing)
    box.add_step("slow", nothing, acquires=((pool, 1),), config={"retries": 3})
    program.add_step("waits", nothing, acquires=((pool, 1),), require=((box, seq.STEP_FAILURE),))
    run = Decided(program)
    run.end("box/breaks@1.1", ok=False)
    run.end("box/slow@1.1", ok=False)
    assert run.status("box/slow@1.1") is TaskStatus.cancelled
    assert run.status("box@1") is TaskStatus.failure
    assert run.started()[-1] == "waits@1"


def test_a_delay_that_would_begin_in_an_ended_iteration_does_not() -> None:
    program = flow()
    box = program.add_step("box")
    box.add_step("breaks", nothing)
    slow = box.add_step("slow", nothing)
    box.add_step("later", nothing, require=((slow, seq.STEP_SUCCESS),), delay=60)
    run = Decided(program)
    run.end("box/breaks@1.1", ok=False)
    run.end("box/slow@1.1")
    assert run.status("box@1") is TaskStatus.failure
    assert not verdict.waits_for_time(run.turn.context)
    assert verdict.todos(run.turn.context) == 0


def test_a_delay_whose_iteration_is_ended_starts_nothing_when_its_time_comes() -> None:
    program = flow()
    box = program.add_step("box")
    box.add_step("breaks", nothing)
    box.add_step("later", nothing, delay=60)
    program.add_step("follows", nothing, require=((box, seq.STEP_FAILURE),), delay=90)
    run = Decided(program)
    run.end("box/breaks@1.1", ok=False)
    assert run.started() == ["box/breaks@1.1"]
    run.wait_until(60.0)
    assert not run.started()
    run.wait_until(90.0)
    assert run.started() == ["follows@1"]
    run.end("follows@1")
    assert verdict.of(run.turn.context) is Verdict.success
