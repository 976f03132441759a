"""Random flows that are stopped or killed, changed, and then continued and recovered: what is promised all the same."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from eventcore.define.status import TaskStatus
from eventcore.errors import EventcoreError
from eventcore.record.store import Store
from tests.crash.sabotage import Crash, crash_at
from tests.model import strategies
from tests.model.changes import OnceDone, changed_trees, delayed_trees, finished
from tests.model.containers import TreeResult, run_tree
from tests.model.tree import Instance, TreeSpec
from tests.property.flows import FlowRun, instances
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


def flows(*, stop: bool = False) -> st.SearchStrategy[TreeSpec]:
    """Flows to be changed, some of them with delays."""
    return strategies.trees(stop=stop, max_nodes=6, max_items=2).flatmap(delayed_trees)


TABLES = ("tasks", "iterations", "loops", "items", "results", "attempts", "facts", "delays", "recoveries")


class Seen:
    """What the store has of a run, over all its recoveries."""

    def __init__(self, run: FlowRun) -> None:
        read = run.store.connection.exec_driver_sql
        row, recovery = read("SELECT id, recovery FROM eventcore_runs WHERE run_id = ?", (run.run_id,)).one()
        self.recovery = recovery
        tasks = read(
            "SELECT step, sequence, status, recovery FROM eventcore_tasks WHERE run = ? ORDER BY recovery", (row,)
        ).all()
        self.latest = instances({(step, at): TaskStatus(word) for step, at, word, _ in tasks})
        self.present = instances({(step, at): TaskStatus(word) for step, at, word, r in tasks if r == recovery})
        self.unfinished = [(step, at) for step, at, word, r in tasks if r == recovery and not TaskStatus(word).is_over]
        self.open = read(
            "SELECT scope, sequence FROM eventcore_iterations WHERE run = ? AND recovery = ? AND status = 'active'",
            (row, recovery),
        ).all()
        slices = read(
            "SELECT step, sequence, size, keys FROM eventcore_items WHERE run = ? ORDER BY recovery, first", (row,)
        )
        self.items = {
            Instance(step.removesuffix("#items"), at): tuple(json.loads(keys) if keys else map(str, range(1, size + 1)))
            for step, at, size, keys in slices
        }
        self.everything = [
            read(f"SELECT * FROM eventcore_{table} WHERE run = ? ORDER BY 1, 2, 3, 4", (row,)).all() for table in TABLES
        ]

    @property
    def done(self) -> frozenset[Instance]:
        """What is recorded as a success."""
        return frozenset(instance for instance, status in self.latest.items() if status.is_done)


def begin(data: st.DataObject, run: FlowRun) -> None:
    """Run the flow, perhaps not to its end, and perhaps recover that once."""
    with suppress(Crash), crash_at(data.draw(st.integers(1, 30), label="crash")):
        passes = st.sampled_from((-1, 1, 1))
        run.start(data.draw(passes, label="max_loops"))
        if data.draw(st.booleans(), label="recover before the change"):
            run.recover(data.draw(passes, label="max_loops"))


def check(run: FlowRun, before: Seen, found: TreeResult) -> Seen:
    """What holds of every run: nothing is done twice, and no success leaves something under way."""
    after = Seen(run)
    called = [action.instance for action in found.trace if action.kind == "start"]
    assert not before.done.intersection(called)
    assert len(called) == len(set(called))
    assert not (found.verdict and (after.unfinished or after.open)), (after.unfinished, after.open)
    return after


def check_recovered(run: FlowRun, before: Seen, found: TreeResult) -> Seen:
    """A recovery ends like the changed flow would that began with nothing, and what is done stays done."""
    after = check(run, before, found)
    unstopped = replace(run.tree, stop_on_exception=False)
    expected = run_tree(unstopped, OnceDone(before.done, run.outcomes), items=before.items)
    assert found.verdict is expected.verdict
    ends = finished(expected.statuses)
    if not (run.tree.stop_on_exception and TaskStatus.failure in ends.values()):  # else it is a matter of the order
        assert finished(after.present).items() <= ends.items()
        assert ends.items() <= finished(after.latest).items()
    return after


@given(st.data(), st.booleans())
def test_a_changed_flow_is_recovered_as_if_it_had_always_been_so(
    memory: Store, data: st.DataObject, stop: bool
) -> None:
    tree = data.draw(flows(stop=stop))
    run = FlowRun(tree, data.draw(strategies.tree_outcomes(tree)), memory)
    begin(data, run)
    before = Seen(run)
    run.tree = data.draw(changed_trees(tree))
    run.outcomes = data.draw(st.just(strategies.FailingLeaves()) | strategies.tree_outcomes(run.tree))
    check_recovered(run, before, run.recover(accept_removed=True))


@given(st.data(), st.booleans())
def test_whatever_continue_made_of_a_changed_flow_recover_completes_it(
    memory: Store, data: st.DataObject, stop: bool
) -> None:
    tree = data.draw(flows(stop=stop))
    run = FlowRun(tree, data.draw(strategies.tree_outcomes(tree)), memory)
    begin(data, run)
    before = Seen(run)
    run.tree = data.draw(changed_trees(tree))
    run.outcomes = data.draw(st.just(strategies.FailingLeaves()) | strategies.tree_outcomes(run.tree))
    if data.draw(st.booleans(), label="killed again"):
        with suppress(Crash, EventcoreError), crash_at(data.draw(st.integers(1, 20), label="crash")):
            run.go_on(1, accept_removed=True)
        before = Seen(run)
    try:
        found = run.go_on(accept_removed=True)
    except EventcoreError as refused:
        event("refused")
        assert "\n" not in str(refused) and "recover" in str(refused)
        assert not run.trace
        after = Seen(run)
        assert after.everything == before.everything
    else:
        event(f"went on: {found.verdict}")
        after = check(run, before, found)
    run.outcomes = data.draw(st.just(strategies.FailingLeaves()) | strategies.tree_outcomes(run.tree))
    after = check_recovered(run, after, run.recover(accept_removed=True))
    run.outcomes = strategies.FailingLeaves()
    found = run.recover(accept_removed=True)
    assert found.verdict
    check_recovered(run, after, found)


@given(st.data())
def test_continue_adopts_what_was_added_where_the_run_stands(memory: Store, data: st.DataObject) -> None:
    tree = data.draw(flows())
    run = FlowRun(tree, strategies.FailingLeaves(), memory)
    begin(data, run)
    before = Seen(run)
    run.tree = data.draw(changed_trees(tree))
    try:
        found = run.go_on(accept_removed=True)
    except EventcoreError:
        event("refused")
        return
    after = check(run, before, found)
    assert found.verdict
    expected = run_tree(run.tree, strategies.FailingLeaves(), items=after.items).statuses
    stands = {("", "1"), *before.open}
    event(f"adopted: {len(after.present) - len(before.present)}")
    for instance, status in expected.items():
        if _scope(run, instance) in stands:
            assert after.present[instance].is_done, (instance, status)


def _scope(run: FlowRun, instance: Instance) -> tuple[str, str]:
    """The iteration that the instance belongs to."""
    depth = instance.sequence.count(".")
    names = instance.path.split("/")
    return "/".join(names[:depth]), instance.sequence
