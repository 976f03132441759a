"""Loops that are streams, or go on until a condition holds, end as loops over known items do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventcore.define.status import TaskStatus
from eventcore.record.store import Store
from tests.model import strategies
from tests.model.containers import TreeResult, run_tree, stopped_tree_errors
from tests.model.tree import Instance
from tests.property.open_loops import OpenRun, kinds
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


def known(found: TreeResult) -> dict[Instance, TaskStatus]:
    """What one recovery knows, a skip being the success that it stands for."""
    skipped = TaskStatus.skipped
    return {i: TaskStatus.success if status is skipped else status for i, status in found.statuses.items()}


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_they_end_like_loops_over_numbers(memory: Store, data: st.DataObject, construct: str) -> None:
    tree = data.draw(strategies.trees())
    outcomes = data.draw(strategies.tree_outcomes(tree))
    found = OpenRun(tree, outcomes, memory, construct, kinds=data.draw(kinds(tree))).start()
    expected = run_tree(tree, outcomes)
    assert (found.statuses, found.verdict) == (expected.statuses, expected.verdict)


@given(st.data(), st.booleans(), st.sampled_from(("invoke", "thread")))
def test_recoveries_repeat_nothing_and_come_to_the_end(
    memory: Store, data: st.DataObject, stop: bool, construct: str
) -> None:
    tree = data.draw(strategies.trees(stop=stop))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    run = OpenRun(tree, outcomes, memory, construct, kinds=data.draw(kinds(tree)))
    found = run.start()
    history = known(found)
    if stop:
        assert stopped_tree_errors(tree, outcomes, found) == []
    for is_last in [False] * data.draw(st.integers(0, 2)) + [True]:
        run.outcomes = strategies.FailingLeaves() if is_last else data.draw(strategies.tree_outcomes(tree))
        done = {instance for instance, status in history.items() if status is TaskStatus.success}
        found = run.recover()
        assert not [action for action in found.trace if action.instance in done]
        history |= known(found)
    assert found.verdict
    assert run_tree(tree, strategies.FailingLeaves()).statuses.items() <= history.items()
