"""Random flows of containers, loops and clauses, run by the real engine and by their model."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventcore.define.status import TaskStatus
from eventcore.record.store import Store
from tests.model import strategies
from tests.model.containers import TreeResult, replay, run_tree, stopped_tree_errors
from tests.model.tree import Instance, stops_the_run
from tests.property.flows import FlowRun
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


def finished(result: TreeResult) -> dict[Instance, TaskStatus]:
    """What came to its own end."""
    return {
        instance: status
        for instance, status in result.statuses.items()
        if status in (TaskStatus.success, TaskStatus.failure, TaskStatus.omitted)
    }


def stopped_alike(found: TreeResult, expected: TreeResult) -> bool:
    """Whether all that was called ended the same, and no container otherwise than it may after a stop.

    One of which nothing is left when the run stops may count as a success or as cancelled.
    """
    ends, others = finished(expected), expected.statuses
    called = {action.instance for action in found.trace}
    return (
        all(
            ends.get(instance) is status
            or (instance not in called and status is TaskStatus.success and others[instance] is TaskStatus.cancelled)
            for instance, status in finished(found).items()
        )
        and called <= finished(found).keys()
    )


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_flow_that_does_not_stop_ends_as_the_model_says_whatever_the_order(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    tree = data.draw(strategies.trees(max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    found = FlowRun(tree, outcomes, memory, construct).start()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())


@given(st.data())
def test_a_flow_that_stops_follows_from_the_order_of_its_calls(memory: Store, data: st.DataObject) -> None:
    tree = data.draw(strategies.trees(stop=True, max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    found = FlowRun(tree, outcomes, memory).start()
    expected = replay(tree, outcomes, found.trace)
    assert found.verdict is expected.verdict
    if any(stops_the_run(tree, end.instance) for end in expected.trace if outcomes(*end.instance) == "failure"):
        assert stopped_alike(found, expected)
    else:
        assert found.statuses == expected.statuses


def known(found: TreeResult) -> dict[Instance, TaskStatus]:
    """What one recovery knows, a skip being the success that it stands for."""
    skipped = TaskStatus.skipped
    return {i: TaskStatus.success if status is skipped else status for i, status in found.statuses.items()}


@given(st.data(), st.booleans())
def test_recoveries_of_a_flow_call_what_the_model_calls(memory: Store, data: st.DataObject, stop: bool) -> None:
    tree = data.draw(strategies.trees(stop=stop, max_items=2))
    run = FlowRun(tree, data.draw(strategies.tree_outcomes(tree)), memory)
    history = known(run.start())
    for _ in range(data.draw(st.integers(1, 3))):
        run.outcomes = outcomes = data.draw(strategies.tree_outcomes(tree))
        found = run.recover()
        expected = replay(tree, outcomes, found.trace, history)
        history |= known(found)
        assert found.verdict is expected.verdict
        if not any(stops_the_run(tree, end.instance) for end in found.trace if outcomes(*end.instance) == "failure"):
            assert known(found).items() <= expected.statuses.items()
            assert expected.statuses.items() <= history.items()


@given(st.data(), st.booleans(), st.sampled_from(("invoke", "thread")))
def test_a_flow_that_is_recovered_when_nothing_fails_any_more_ends_like_one_that_never_failed(
    memory: Store, data: st.DataObject, stop: bool, construct: str
) -> None:
    tree = data.draw(strategies.trees(stop=stop, max_items=2))
    run = FlowRun(tree, data.draw(strategies.tree_outcomes(tree)), memory, construct)
    first = run.start()
    run.outcomes = strategies.FailingLeaves()
    second = run.recover()
    assert second.verdict
    called = {action.instance for action in second.trace}
    assert not [instance for instance in called if first.statuses.get(instance) is TaskStatus.success]
    undisturbed = run_tree(tree, strategies.FailingLeaves()).statuses
    assert undisturbed.items() <= (known(first) | known(second)).items()


@given(st.data())
def test_a_flow_that_stops_with_several_at_once_keeps_its_verdict(memory: Store, data: st.DataObject) -> None:
    tree = data.draw(strategies.trees(stop=True, max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    assert stopped_tree_errors(tree, outcomes, FlowRun(tree, outcomes, memory, "thread").start()) == []


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_flow_with_one_leaf_at_a_time_ends_as_the_model_says(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    tree = data.draw(strategies.chained_trees(max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    found, expected = FlowRun(tree, outcomes, memory, construct).start(), run_tree(tree, outcomes)
    assert (finished(found), found.verdict, found.trace) == (finished(expected), expected.verdict, expected.trace)
