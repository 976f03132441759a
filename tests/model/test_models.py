"""The models themselves, pinned to sentences of `docs/design.md` and to each other."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventcore.define.status import StepReplay, StepStatus, TaskStatus
from tests.model import strategies
from tests.model.containers import Action, IllegalTraceError, replay, run_tree, stopped_tree_errors
from tests.model.kernel import (
    AllOf,
    AnyOf,
    AssocSpec,
    EventSpec,
    ProgramSpec,
    StepSpec,
    is_stopped,
    settle,
    stopped_run_errors,
)
from tests.model.kernel_order import run_in_order
from tests.model.strategies import FailingCalls, FailingLeaves
from tests.model.tree import Clause, Instance, NodeSpec, TreeSpec

ready, active, success, failure, complete, over = StepStatus
ALL_SUCCEED = FailingCalls()
CHAIN = ProgramSpec(
    events=(EventSpec("go"), EventSpec("next")),
    steps=(StepSpec("first", triggers=((success, ("next",)),)), StepSpec("second")),
    assocs=(AssocSpec("go", ("first",)), AssocSpec("next", ("second",))),
    starts=(("go", "3"),),
)
FIRST_FAILS = FailingCalls(frozenset({("first", "3", 1)}))


def expression(expr: AllOf[str] | AnyOf[str], *starts: tuple[str, str]) -> set[str]:
    """The sequences at which an expression over a and b is raised."""
    events = (EventSpec("a"), EventSpec("b"), EventSpec("x", expr))
    return {
        sequence for event, sequence in settle(ProgramSpec(events, starts=starts), ALL_SUCCEED).facts if event == "x"
    }


def test_every_consequence_inherits_its_causes_sequence() -> None:
    result = settle(CHAIN, ALL_SUCCEED)
    assert result.facts == {("go", "3"), ("next", "3")}
    assert result.tasks == {("first", "3"): TaskStatus.success, ("second", "3"): TaskStatus.success}
    assert result.verdict


def test_an_expression_sees_facts_of_enclosing_sequences_only() -> None:
    both: AllOf[str] = AllOf(("a", "b"))
    assert expression(both, ("a", "1.2.1"), ("b", "1")) == {"1.2.1"}
    assert expression(both, ("a", "1.2"), ("b", "1.1")) == set()
    assert expression(both, ("a", "1.10"), ("b", "1.1")) == set()
    assert expression(AnyOf(("a", AllOf(("a", "b")))), ("a", "1"), ("b", "1.1")) == {"1", "1.1"}


def test_a_step_reached_by_several_events_at_one_sequence_runs_once() -> None:
    program = replace(CHAIN, assocs=(AssocSpec("go", ("first", "second", "next")), AssocSpec("next", ("second",))))
    assert settle(program, ALL_SUCCEED).attempts == {("first", "3"): 1, ("second", "3"): 1}


def test_a_failure_is_handled_if_the_step_maps_an_event_to_failure_or_complete() -> None:
    for moment, verdict in ((failure, True), (complete, True), (success, False), (active, False)):
        step = StepSpec("first", triggers=((moment, ("next",)),))
        program = replace(CHAIN, steps=(step, StepSpec("second")), stop_on_exception=False)
        result = settle(program, FIRST_FAILS)
        assert result.verdict is verdict
        assert (("second", "3") in result.tasks) is (moment is not success)


def test_only_the_last_failure_of_the_retries_counts() -> None:
    program = replace(CHAIN, steps=(replace(CHAIN.steps[0], retries=1), CHAIN.steps[1]))
    assert settle(program, FIRST_FAILS).verdict
    assert not settle(program, FailingCalls(frozenset({("first", "3", 1), ("first", "3", 2)}))).verdict


def test_recovery_reruns_what_failed_and_skips_what_succeeded() -> None:
    second_fails = FailingCalls(frozenset({("second", "3", 1)}))
    initial = settle(CHAIN, second_fails)
    recovered = settle(CHAIN, second_fails, (initial,))
    assert not initial.verdict and recovered.verdict
    assert recovered.tasks == {("first", "3"): TaskStatus.skipped, ("second", "3"): TaskStatus.success}
    assert recovered.attempts == {("first", "3"): 1, ("second", "3"): 2}
    again = settle(CHAIN, second_fails, (initial, recovered))
    assert set(again.tasks.values()) == {TaskStatus.skipped}


def test_a_skip_fires_the_success_triggers_and_not_those_of_its_start() -> None:
    step = StepSpec("first", triggers=((ready, ("next",)), (success, ("good",)), (complete, ("over",))))
    events = tuple(EventSpec(name) for name in ("go", "next", "good", "over"))
    program = ProgramSpec(events, (step,), (AssocSpec("go", ("first",)),), (("go", "1"),))
    recovered = settle(program, ALL_SUCCEED, (settle(program, ALL_SUCCEED),))
    assert recovered.facts == {("go", "1"), ("good", "1"), ("over", "1")}


def test_recovery_looks_for_the_latest_status_in_any_earlier_recovery() -> None:
    policy = ((success, StepReplay.rerun), (failure, StepReplay.skip))
    program = replace(CHAIN, steps=(replace(CHAIN.steps[0], recovery=policy), CHAIN.steps[1]))
    initial = settle(program, ALL_SUCCEED)
    second_call_fails = FailingCalls(frozenset({("first", "3", 2)}))
    rerun = settle(program, second_call_fails, (initial,))
    assert rerun.tasks == {("first", "3"): TaskStatus.failure}
    third = settle(program, second_call_fails, (initial, rerun))
    assert third.tasks == {("first", "3"): TaskStatus.skipped, ("second", "3"): TaskStatus.skipped}


@pytest.mark.parametrize(("policy", "calls"), [((), 1), (((success, StepReplay.rerun),), 2)])
def test_a_handler_that_succeeded_runs_for_the_next_failure_only_where_its_policy_says_so(
    policy: tuple[tuple[StepStatus, StepReplay], ...], calls: int
) -> None:
    step = StepSpec("first", triggers=((failure, ("next",)),))
    last = StepSpec("last")
    handler = StepSpec("second", triggers=((success, ("end",)),), recovery=policy)
    events = (EventSpec("go"), EventSpec("next"), EventSpec("end"))
    assocs = (AssocSpec("go", ("first",)), AssocSpec("next", ("second",)), AssocSpec("end", ("last",)))
    program = ProgramSpec(events, (step, handler, last), assocs, (("go", "1"),))
    twice = FailingCalls(frozenset({("first", "1", 1), ("first", "1", 2)}))
    initial = settle(program, twice)
    again = settle(program, twice, (initial,))
    assert again.attempts == {("first", "1"): 2, ("second", "1"): calls, ("last", "1"): 1}
    assert again.tasks["second", "1"].is_done and again.tasks["last", "1"] is TaskStatus.skipped
    assert again.verdict
    assert run_in_order(program, twice, (initial,)).tasks == again.tasks


def test_after_a_failure_that_stops_nothing_new_starts_and_what_was_reached_stays_ready() -> None:
    program = replace(CHAIN, assocs=(AssocSpec("go", ("first", "second")),))
    stopped = run_in_order(program, FIRST_FAILS)
    assert stopped.tasks == {("first", "3"): TaskStatus.failure, ("second", "3"): TaskStatus.ready}
    assert stopped.order == (("first", "3"),)
    assert not stopped.verdict
    assert stopped_run_errors(program, FIRST_FAILS, stopped) == []
    going_on = replace(program, stop_on_exception=False)
    assert stopped_run_errors(program, FIRST_FAILS, replace(stopped, verdict=True)) != []
    assert run_in_order(going_on, FIRST_FAILS).tasks[("second", "3")] is TaskStatus.success


def test_a_skip_is_recorded_when_reached_so_that_a_stop_cannot_make_a_later_recovery_repeat_it() -> None:
    program = replace(CHAIN, assocs=(AssocSpec("go", ("first", "second")),))
    outcomes = FailingCalls(frozenset({("first", "3", 1), ("first", "3", 2)}))
    initial = settle(replace(program, stop_on_exception=False), outcomes)
    stopped = run_in_order(program, outcomes, (initial,))
    assert stopped.tasks[("second", "3")] is TaskStatus.skipped
    assert run_in_order(program, outcomes, (initial, stopped)).attempts[("second", "3")] == 1


def test_a_task_that_waits_for_what_nobody_returns_stalls_the_run() -> None:
    greedy = tuple(StepSpec(name, acquires=(("pool", 1),), releases=()) for name in ("first", "second"))
    program = replace(CHAIN, steps=greedy, assocs=(AssocSpec("go", ("first", "second")),), pools=(("pool", 1),))
    result = run_in_order(program, ALL_SUCCEED)
    assert result.tasks == {("first", "3"): TaskStatus.success, ("second", "3"): TaskStatus.ready}
    assert not result.verdict


@settings(deadline=None)
@given(st.data())
def test_what_does_not_stop_ends_the_same_in_order(data: st.DataObject) -> None:
    program = data.draw(strategies.programs())
    outcomes = data.draw(strategies.program_outcomes(program))
    settled, ordered = settle(program, outcomes), run_in_order(program, outcomes)
    assert replace(ordered, order=()) == settled
    assert settle(program, outcomes, (settled,)) == replace(run_in_order(program, outcomes, (ordered,)), order=())


@settings(deadline=None)
@given(st.data())
def test_what_stops_in_order_meets_the_constraints_of_every_order(data: st.DataObject) -> None:
    program = data.draw(strategies.programs(stop=True, ordered=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    assume(not program.leaks)
    history = [run_in_order(program, outcomes)]
    for _ in range(2):
        history.append(run_in_order(program, outcomes, history))
    for number, run in enumerate(history):
        settled = settle(program, outcomes, history[:number])
        assert run.verdict is settled.verdict
        if is_stopped(program, settled):
            assert stopped_run_errors(program, outcomes, run, history[:number]) == []
            assert run.facts <= settled.facts
        else:
            assert replace(run, order=()) == settled


def leaf(name: str, *clauses: Clause, loop: int | None = None) -> NodeSpec:
    return NodeSpec(name, loop=loop, require=AllOf(clauses) if clauses else None)


def ends(tree: TreeSpec, *failing: str) -> dict[str, str]:
    """How the instances of a flow end, with the given `path@sequence` failing; the verdict under the name `flow`."""
    outcomes = FailingLeaves(frozenset(Instance(*text.split("@")) for text in failing))
    result = run_tree(tree, outcomes)
    assert stopped_tree_errors(tree, outcomes, result) == []
    flow = {"flow": "success" if result.verdict else "failure"}
    return flow | {f"{instance.path}@{instance.sequence}": end.value for instance, end in result.statuses.items()}


def seeds_example(stop: bool = True) -> TreeSpec:
    """The flow of `seeds/sequent-readme.rst`."""
    s00 = NodeSpec("s00", (leaf("s1"), leaf("s2", Clause("s0/s00/s1", success))), loop=2)
    return TreeSpec((NodeSpec("s0", (s00, leaf("s3", Clause("s0/s00", success))), loop=2),), stop)


def test_the_seeds_example_runs_its_leaves_in_the_order_of_its_log() -> None:
    order = [action.instance for action in run_tree(seeds_example(), FailingLeaves()).trace if action.kind == "start"]
    assert [instance.path[-2:] for instance in order] == ["s1", "s2", "s1", "s2", "s3"] * 2
    assert order[2] == ("s0/s00/s1", "1.1.2") and order[9] == ("s0/s3", "1.2")


def test_an_unhandled_failure_ends_its_iteration_and_fails_its_container_up_to_the_root() -> None:
    assert ends(seeds_example(), "s0/s00/s1@1.1.1") == {
        "s0/s00/s1@1.1.1": "failure",
        "s0/s00@1.1": "failure",
        "s0@1": "failure",
        "flow": "failure",
    }


def test_without_stop_on_exception_all_else_goes_on_and_the_container_fails_at_its_end() -> None:
    result = ends(seeds_example(stop=False), "s0/s00/s1@1.1.1")
    assert result["s0/s00/s2@1.1.2"] == result["s0/s3@1.2"] == "success"
    assert result["s0/s00@1.1"] == result["s0@1"] == result["flow"] == "failure"
    assert "s0/s00/s2@1.1.1" not in result and "s0/s3@1.1" not in result


def test_a_failure_that_a_sibling_requires_is_handled() -> None:
    tree = TreeSpec((leaf("a"), leaf("b", Clause("a", failure)), leaf("c", Clause("a", success))))
    assert ends(tree, "a@1") == {"a@1": "failure", "b@1": "success", "flow": "success"}
    assert ends(tree) == {"a@1": "success", "c@1": "success", "flow": "success"}


def test_a_failure_that_an_enclosing_containers_handler_takes_fails_the_container_and_not_the_run() -> None:
    box = NodeSpec("box", (leaf("a"), leaf("b", Clause("box/a", success))), loop=2)
    tree = TreeSpec((box, leaf("after", Clause("box", failure))))
    assert ends(tree, "box/a@1.1") == {
        "box/a@1.1": "failure",
        "box@1": "failure",
        "after@1": "success",
        "flow": "success",
    }


def test_a_child_whose_require_can_no_longer_hold_is_not_reached_nor_are_those_behind_it() -> None:
    tree = TreeSpec((leaf("a"), leaf("b", Clause("a", failure)), leaf("c", Clause("b", complete))))
    assert ends(tree) == {"a@1": "success", "flow": "success"}


def test_an_empty_loop_succeeds_on_a_container_and_on_a_leaf() -> None:
    tree = TreeSpec((NodeSpec("box", (leaf("a"),), loop=0), leaf("b", loop=0), leaf("c", Clause("box", success))))
    assert ends(tree) == {"box@1": "success", "b@1": "success", "c@1": "success", "flow": "success"}


def test_the_keys_of_a_mapping_name_its_iterations() -> None:
    tree = TreeSpec((NodeSpec("box", (leaf("a"),), loop=("y", "x")),))
    assert list(ends(tree)) == ["flow", "box/a@1.y", "box/a@1.x", "box@1"]


def test_a_clause_may_name_a_step_of_an_enclosing_container() -> None:
    box = NodeSpec("box", (leaf("late", Clause("outer/a", success)),), loop=2)
    tree = TreeSpec((NodeSpec("outer", (leaf("a"), box), loop=2),), stop_on_exception=False)
    result = ends(tree, "outer/a@1.1")
    assert "outer/box/late@1.1.1" not in result and result["outer/box@1.1"] == "success"
    assert result["outer/box/late@1.2.2"] == "success"


def test_what_is_ready_beside_an_unhandled_failure_is_cancelled_with_its_container() -> None:
    tree = TreeSpec((leaf("a"), NodeSpec("box", (leaf("b"), leaf("c", Clause("box/b", success))))))
    assert ends(tree, "a@1") == {"a@1": "failure", "box@1": "cancelled", "box/b@1.1": "cancelled", "flow": "failure"}


def test_replay_refuses_a_start_in_an_iteration_that_has_ended() -> None:
    tree, outcomes = TreeSpec((leaf("a"), leaf("b"))), FailingLeaves(frozenset({Instance("a", "1")}))
    a, b = Instance("a", "1"), Instance("b", "1")
    trace = [Action("start", a), Action("end", a)]
    assert replay(tree, outcomes, trace).statuses[b] is TaskStatus.cancelled
    with pytest.raises(IllegalTraceError, match="went on"):
        replay(tree, outcomes, [*trace, Action("start", b)])
    with pytest.raises(IllegalTraceError, match="ended early"):
        replay(tree, outcomes, trace[:1])


@settings(deadline=None)
@given(st.data())
def test_a_flow_that_does_not_stop_ends_the_same_in_any_order(data: st.DataObject) -> None:
    tree = data.draw(strategies.trees(max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    random = data.draw(st.randoms())
    shuffled = run_tree(replace(tree, max_concurrent=0), outcomes, random.choice)
    assert replace(run_tree(tree, outcomes), trace=()) == replace(shuffled, trace=())


@settings(deadline=None)
@given(st.data())
def test_a_flow_that_stops_keeps_its_verdict_in_any_order(data: st.DataObject) -> None:
    tree = data.draw(strategies.trees(stop=True, max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    observed = run_tree(tree, outcomes, data.draw(st.randoms()).choice)
    assert stopped_tree_errors(tree, outcomes, observed) == []
    assert replay(tree, outcomes, observed.trace) == observed


@settings(deadline=None)
@given(st.data())
def test_a_chained_flow_has_one_leaf_at_a_time_and_cancels_nothing(data: st.DataObject) -> None:
    tree = data.draw(strategies.chained_trees(max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    result = run_tree(replace(tree, max_concurrent=0), outcomes)
    assert all(
        left.instance == right.instance for left, right in zip(result.trace[::2], result.trace[1::2], strict=True)
    )
    assert TaskStatus.cancelled not in result.statuses.values()
