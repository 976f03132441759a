"""What happens when a deadline comes, decided by itself: nothing runs, and each end of a worker is told by hand."""

from __future__ import annotations

from typing import Any

import sequent as seq
from eventcore.decide import delays, verdict
from eventcore.define.outcome import Again, Deferred, Outcome
from eventcore.define.pools import ResourcePool
from eventcore.define.status import TaskStatus, Verdict
from tests.eventcore.decide.flows import Decided, nothing
from tests.support import flow

PROCESS: dict[str, Any] = {"task_construct": "process"}
GOES_ON = {"deadline": 30, "stop_on_exception": False}


def failures(run: Decided) -> dict[str, str | None]:
    """The errors of what failed."""
    return {repr(one.task): one.error for one in run.attempts if one.status is TaskStatus.failure}


def test_a_try_that_runs_is_ended_and_no_other_follows() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30, "retries": 5})
    run = Decided(program)
    run.wait_until(29)
    assert not run.ended_on_request
    run.wait_until(30)
    assert run.ended_on_request == ["s@1"]
    assert run.status("s@1") is TaskStatus.active
    run.end("s@1", ok=False)
    assert failures(run) == {"s@1": "deadline of 30 s passed after 1 try"}
    assert run.started() == ["s@1"]
    assert verdict.of(run.turn.context) is Verdict.failure


def test_a_wait_for_the_next_try_ends_at_once() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30, "retries": 5, "retry_delay": [1, 600]})
    run = Decided(program)
    run.end("s@1", ok=False)
    run.wait_until(1)
    run.end("s@1", ok=False)
    assert run.status("s@1") is TaskStatus.ready
    run.wait_until(30)
    assert run.status("s@1") is TaskStatus.failure
    assert run.attempts[-1].error == "deadline of 30 s passed after 2 tries"
    assert (run.attempts[-1].try_number, run.attempts[-1].started) == (3, None)
    run.wait_until(700)
    assert run.started() == ["s@1", "s@1"]


def test_a_wait_for_a_slot_ends_at_once_and_counts_from_when_the_step_was_ready() -> None:
    program = flow(**PROCESS)
    first = program.add_step("first", nothing)
    program.add_step("long", nothing)
    program.add_step("waits", nothing, require=((first, seq.STEP_SUCCESS),), config={"deadline": 30})
    run = Decided(program, max_concurrent=1)
    run.wait_until(100)
    run.end("first@1")
    run.wait_until(129)
    assert run.status("waits@1") is TaskStatus.ready
    run.wait_until(130)
    assert failures(run) == {"waits@1": "deadline of 30 s passed before the first try"}
    run.end("long@1")
    assert run.started() == ["first@1", "long@1"]


def test_what_waits_for_units_leaves_its_pools_to_those_behind_it() -> None:
    program = flow(**PROCESS)
    p, q = ResourcePool("p", 2), ResourcePool("q", 1)
    program.add_step("holds", nothing, acquires=[(p, 1)])
    program.add_step("waits", nothing, acquires=[(p, 2), (q, 1)], config=GOES_ON)
    program.add_step("behind in p", nothing, acquires=[(p, 1)])
    program.add_step("behind in q", nothing, acquires=[(q, 1)])
    run = Decided(program)
    assert run.started() == ["holds@1"]
    run.wait_until(30)
    assert sorted(run.started()) == ["behind in p@1", "behind in q@1"]
    for name in ("holds@1", "behind in p@1", "behind in q@1"):
        run.end(name)
    assert [pool.taken for pool in run.turn.context.state.pools.values()] == [0, 0]


def test_a_failure_without_units_leaves_a_pool_as_if_the_step_had_run() -> None:
    """One step takes for good what another returns: the second must not return what nobody took."""
    program, pool = flow(**PROCESS), ResourcePool("p", 2)
    program.add_step("holds", nothing, acquires=[(pool, 2)])
    enter = program.add_step("enter", nothing, acquires=[(pool, 1)], releases=[], config=GOES_ON)
    program.add_step("leave", nothing, releases=[(pool, 1)], require=((enter, seq.STEP_COMPLETE),))
    run = Decided(program)
    run.wait_until(30)
    assert run.turn.context.state.pools["p"].taken == 3
    run.end("leave@1")
    assert run.turn.context.state.pools["p"].taken == 2
    run.end("holds@1")
    assert run.turn.context.state.pools["p"].taken == 0


def test_a_try_that_succeeds_before_its_worker_is_ended_counts() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30})
    run = Decided(program)
    run.wait_until(30)
    run.end("s@1")
    assert run.status("s@1") is TaskStatus.success


def test_a_deadline_means_nothing_to_what_is_over() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30})
    program.add_step("other", nothing)
    run = Decided(program)
    run.end("s@1")
    run.wait_until(60)
    assert run.status("s@1") is TaskStatus.success
    assert not run.ended_on_request


def test_the_failure_can_be_handled() -> None:
    program = flow(**PROCESS)
    late = program.add_step("late", nothing, config={"deadline": 30})
    program.add_step("instead", nothing, require=((late, seq.STEP_FAILURE),))
    run = Decided(program)
    run.wait_until(30)
    run.end("late@1", ok=False)
    assert run.started() == ["late@1", "instead@1"]
    run.end("instead@1")
    assert verdict.of(run.turn.context) is Verdict.success


def test_a_container_starts_nothing_more_ends_what_runs_inside_and_fails() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", loop=[1, 2, 3, 4], concurrent=2, config={"deadline": 30})
    first = box.add_step("first", nothing)
    box.add_step("second", nothing, require=((first, seq.STEP_SUCCESS),))
    box.add_step("instead", nothing, require=((first, seq.STEP_FAILURE),))
    program.add_step("after", nothing, require=((box, seq.STEP_FAILURE),))
    program.add_step("beside", nothing)
    run = Decided(program)
    run.end("box/first@1.1")
    run.end("box/second@1.1")
    assert run.started() == ["beside@1", "box/first@1.1", "box/first@1.2", "box/second@1.1", "box/first@1.3"]
    run.wait_until(30)
    assert sorted(run.ended_on_request) == ["box/first@1.2", "box/first@1.3"]
    run.end("box/first@1.2", ok=False)
    assert run.task("box", "1").status is TaskStatus.active
    run.end("box/first@1.3", ok=False)
    assert run.status("box@1") is TaskStatus.failure
    assert failures(run) == {"box@1": "deadline of 30 s passed after 1 of 4 iterations"}
    inside = [one for one in run.attempts if one.status is TaskStatus.cancelled]
    assert [one.error for one in inside] == ["cancelled, because the deadline of box@1 passed"] * 2
    assert run.started() == ["after@1"]


def test_a_failure_inside_does_not_hide_the_deadline() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", config={"deadline": 30})
    box.add_step("a", nothing, config={"stop_on_exception": False})
    box.add_step("b", nothing)
    run = Decided(program)
    run.end("box/a@1.1", ok=False)
    run.wait_until(30)
    run.end("box/b@1.1", ok=False)
    assert failures(run) == {"box/a@1.1": "it failed", "box@1": "deadline of 30 s passed"}


def test_the_deadline_of_a_container_begins_with_its_start_not_with_its_wait_for_units() -> None:
    program, pool = flow(**PROCESS), ResourcePool("p", 1)
    program.add_step("holds", nothing, acquires=[(pool, 1)])
    box = program.add_step("box", acquires=[(pool, 1)], config={"deadline": 30})
    box.add_step("s", nothing)
    run = Decided(program)
    run.wait_until(1000)
    run.end("holds@1")
    assert run.status("box@1") is TaskStatus.active
    run.wait_until(1029)
    assert not run.ended_on_request
    run.wait_until(1030)
    assert run.ended_on_request == ["box/s@1.1"]


def test_a_container_whose_loop_is_still_computed_ends_that() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", loop=list, config={"deadline": 30})
    box.add_step("s", nothing)
    run = Decided(program)
    run.wait_until(30)
    assert run.ended_on_request == ["box@1"]
    run.turn.ended(run.task("box#items", "1"), Outcome(False, error="cancelled"))
    run.settle()
    assert run.status("box@1") is TaskStatus.failure
    assert "box@1: deadline of 30 s passed" in [f"{one.task!r}: {one.error}" for one in run.attempts]


def test_a_container_that_waits_for_a_delay_inside_fails_at_once() -> None:
    program = flow(**PROCESS)
    outer = program.add_step("outer", config={"deadline": 30})
    inner = outer.add_step("inner", loop=[1, 2])
    inner.add_step("later", nothing, delay=600)
    run = Decided(program)
    run.wait_until(30)
    assert run.status("outer@1") is TaskStatus.failure
    assert run.status("outer/inner@1.1") is TaskStatus.cancelled
    assert not verdict.todos(run.turn.context)


def test_the_function_of_a_step_with_a_loop_is_ended_with_its_loop_not_by_itself() -> None:
    program = flow(**PROCESS)
    program.add_step("each", nothing, loop=[1, 2], config={"deadline": 30})
    run = Decided(program)
    run.wait_until(20)
    run.end("each@1.1")
    run.wait_until(29)
    assert not run.ended_on_request
    run.wait_until(30)
    assert run.ended_on_request == ["each@1.2"]
    run.end("each@1.2", ok=False)
    assert run.status("each@1") is TaskStatus.failure


def test_a_deadline_is_not_inherited() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", config={"deadline": 30, "retries": 1})
    step = box.add_step("s", nothing)
    assert (step.config.deadline, step.config.retries) == (None, 1)


def test_what_a_user_cancelled_first_stays_cancelled() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30})
    run = Decided(program)
    assert run.ask("cancel", path="s") == "taken"
    run.wait_until(30)
    run.end("s@1", ok=False)
    assert run.status("s@1") is TaskStatus.cancelled


def test_a_stopped_run_waits_for_the_deadlines_of_what_runs_and_for_nothing_else() -> None:
    program = flow(**PROCESS)
    program.add_step("fails", nothing)
    program.add_step("runs", nothing, config={"deadline": 30})
    program.add_step("waits", nothing, config={"deadline": 20})
    run = Decided(program, max_concurrent=2)
    run.end("fails@1", ok=False)
    assert run.turn.context.state.stopped
    assert delays.next_deadline(run.turn.context) == 30
    run.wait_until(30)
    assert run.ended_on_request == ["runs@1"]


def test_a_pause_does_not_stop_the_time() -> None:
    program = flow(**PROCESS)
    first = program.add_step("first", nothing)
    program.add_step("waits", nothing, require=((first, seq.STEP_SUCCESS),), config={"deadline": 30})
    run = Decided(program)
    assert run.ask("pause") is None
    run.end("first@1")
    run.wait_until(30)
    assert run.status("waits@1") is TaskStatus.failure


def test_what_cleans_up_in_a_late_container_still_runs_and_belongs_to_it() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", config={"deadline": 30})
    slow = box.add_step("slow", nothing)
    box.add_step("cleanup", nothing, require=((slow, seq.STEP_OVER),))
    box.add_step("then", nothing, require=((slow, seq.STEP_SUCCESS),))
    program.add_step("told", nothing, require=((program, seq.STEP_FAILURE),))
    run = Decided(program)
    assert run.started() == ["box/slow@1.1"]
    run.wait_until(30)
    run.end("box/slow@1.1", ok=False)
    assert run.started() == ["box/cleanup@1.1"]
    assert run.status("box@1") is TaskStatus.active
    run.end("box/cleanup@1.1")
    assert run.status("box@1") is TaskStatus.failure
    assert failures(run) == {"box@1": "deadline of 30 s passed"}
    assert run.started() == ["told@1"]


def test_a_stopped_run_keeps_the_deadline_of_a_cleanup() -> None:
    program = flow(**PROCESS)
    fails = program.add_step("fails", nothing)
    program.add_step("cleanup", nothing, require=((fails, seq.STEP_OVER),), config={"deadline": 30})
    run = Decided(program)
    run.end("fails@1", ok=False)
    assert run.started() == ["fails@1", "cleanup@1"]
    run.wait_until(30)
    assert run.ended_on_request == ["cleanup@1"]


def test_what_asks_again_and_again_fails_between_two_asks() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30, "retries": 5})
    run = Decided(program)
    run.turn.ended(run.task("s", "1"), Outcome(True, instead=Again(600)))
    run.settle()
    run.wait_until(30)
    assert failures(run) == {"s@1": "deadline of 30 s passed after 1 try"}


def test_what_somebody_else_is_to_end_fails_at_once() -> None:
    program = flow(**PROCESS)
    program.add_step("s", nothing, config={"deadline": 30, "retries": 5})
    run = Decided(program)
    run.turn.ended(run.task("s", "1"), Outcome(True, instead=Deferred("ticket", 600)))
    run.settle()
    run.wait_until(30)
    assert failures(run) == {"s@1": "deadline of 30 s passed after 1 try"}


def test_the_teardown_of_a_late_container_still_runs() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", setup=nothing, teardown=nothing, config={"deadline": 30})
    box.add_step("slow", nothing)
    run = Decided(program)
    setup = run.running("box#setup")
    run.turn.ended(setup, Outcome(True))
    run.settle()
    run.wait_until(30)
    run.end("box/slow@1.1", ok=False)
    run.turn.ended(run.running("box#teardown"), Outcome(True))
    run.settle()
    assert failures(run) == {"box@1": "deadline of 30 s passed"}
    assert not verdict.todos(run.turn.context)


def test_a_deadline_while_the_setup_runs_ends_that() -> None:
    program = flow(**PROCESS)
    box = program.add_step("box", setup=nothing, teardown=nothing, config={"deadline": 30})
    box.add_step("slow", nothing)
    run = Decided(program)
    run.wait_until(30)
    run.turn.ended(run.running("box#setup"), Outcome(False, error="cancelled"))
    run.settle()
    for task in list(run.turn.context.state.running.values()):
        run.turn.ended(task, Outcome(True))
        run.settle()
    assert "box@1: deadline of 30 s passed" in [f"{one.task!r}: {one.error}" for one in run.attempts]
    assert not verdict.todos(run.turn.context)
