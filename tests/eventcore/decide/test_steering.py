"""What requests do to a flow, decided by itself: nothing runs, and each end of a worker is told by hand."""

from __future__ import annotations

import sequent as seq
from eventcore.decide import verdict
from eventcore.define.pools import ResourcePool
from eventcore.define.status import TaskStatus, Verdict
from tests.eventcore.decide.flows import Decided, nothing
from tests.support import flow


def test_cancelling_a_step_with_a_loop_ends_each_running_iteration_once_and_starts_no_other() -> None:
    program = flow()
    program.add_step("each", nothing, loop=[1, 2, 3, 4], concurrent=3)
    run = Decided(program, max_concurrent=2)
    assert run.started() == ["each@1.1", "each@1.2"]
    assert run.ask("cancel", path="each", sequence="1.2") == "taken"
    assert run.ask("cancel", path="each") == "taken"
    assert run.ended_on_request == ["each@1.2", "each@1.1"]
    assert "already being cancelled" in (run.ask("cancel", path="each") or "")
    run.end("each@1.1", ok=False)
    assert [run.answer(request) for request in (1, 2)] == ["taken", "taken"]
    run.end("each@1.2", ok=False)
    assert [run.answer(request) for request in (1, 2)] == [None, None]
    assert not run.started()
    assert run.status("each@1") is TaskStatus.cancelled
    assert verdict.of(run.turn.context) is Verdict.success


def test_cancelling_an_inner_loop_leaves_the_other_iterations_of_the_outer_one() -> None:
    program = flow()
    outer = program.add_step("outer", loop=["x", "y"], concurrent=2)
    inner = outer.add_step("inner", loop=[1, 2])
    inner.add_step("work", nothing)
    inner_beside = outer.add_step("inner beside")
    inner_beside.add_step("work", nothing)
    run = Decided(program)
    run.started()
    assert run.ask("cancel", path="outer/inner", sequence="1.1") == "taken"
    assert run.ended_on_request == ["outer/inner/work@1.1.1"]
    run.end("outer/inner/work@1.1.1", ok=False)
    run.end("outer/inner/work@1.2.1")
    assert run.started() == ["outer/inner/work@1.2.2"]


def test_a_step_that_succeeds_before_its_worker_is_ended_was_not_cancelled() -> None:
    program = flow()
    program.add_step("quick", nothing)
    program.add_step("slow", nothing)
    run = Decided(program)
    assert run.ask("cancel", path="quick") == "taken"
    run.end("quick@1")
    assert run.answer(1) == "quick ended before it could be cancelled"
    assert run.ask("cancel") == "taken"
    run.end("slow@1")
    assert run.answer(2) is None
    assert verdict.of(run.turn.context) is Verdict.cancelled


def test_cancelling_a_container_that_waits_for_units_lets_others_have_them() -> None:
    program, pool = flow(), ResourcePool("p", 2)
    program.add_step("holds", nothing, acquires=((pool, 1),))
    box = program.add_step("box", acquires=((pool, 2),))
    box.add_step("inside", nothing)
    program.add_step("wants one", nothing, acquires=((pool, 1),))
    after = program.add_step("after", nothing, require=((box, seq.STEP_SUCCESS),))
    run = Decided(program)
    assert run.started() == ["holds@1"]
    assert run.ask("cancel", path="box") is None
    assert run.started() == ["wants one@1"]
    assert run.status("box@1") is TaskStatus.cancelled
    for name in ("holds@1", "wants one@1"):
        run.end(name)
    assert after.name not in run.turn.context.iteration("", "1").tasks
    assert verdict.of(run.turn.context) is Verdict.success


def test_cancelling_the_head_of_two_queues_serves_the_next() -> None:
    program, p, q = flow(), ResourcePool("p", 1), ResourcePool("q", 1)
    program.add_step("holds p", nothing, acquires=((p, 1),))
    for name in ("first", "second"):
        program.add_step(name, nothing, acquires=((p, 1), (q, 1)))
    run = Decided(program)
    run.started()
    assert run.ask("cancel", path="first") is None
    run.end("holds p@1")
    assert run.started() == ["second@1"]


def test_a_request_that_the_engine_does_not_know_is_refused_by_its_name() -> None:
    program = flow()
    program.add_step("s", nothing)
    run = Decided(program)
    assert run.ask("dance") == "this engine does not know the request 'dance'"
    run.end("s@1")
    assert run.status("s@1") is TaskStatus.success
