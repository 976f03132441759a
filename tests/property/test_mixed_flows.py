"""Random flows in which all constructs are mixed, run by the real engine and by their model."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from eventcore.define.status import TaskStatus
from eventcore.record.store import Store
from tests.crash.sabotage import Crash, crash_at
from tests.model.constructs import mixed_outcomes, mixed_trees
from tests.model.containers import Outcomes, TreeResult, replay, run_tree
from tests.model.tree import Instance, TreeSpec, stops_the_run
from tests.property.flows import FlowRun
from tests.property.reading import store_at
from tests.property.test_flow_model import known, stopped_alike

half = settings(max_examples=max(1, settings().max_examples // 2))  #: five tests of large examples


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


def is_stopped(tree: TreeSpec, outcomes: Outcomes, found: TreeResult) -> bool:
    """Whether a failure ended the run: then it depends on the order in which things happened what was reached."""
    ended = [(action.instance.path.removesuffix("?"), *action) for action in found.trace if action.kind == "end"]
    failed = [(path, instance) for path, _, instance in ended if outcomes(*instance) == "failure"]
    return any(stops_the_run(tree, instance._replace(path=path)) for path, instance in failed)


@half
@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_flow_that_does_not_stop_ends_as_the_model_says_whatever_the_order(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    tree = data.draw(mixed_trees())
    outcomes = data.draw(mixed_outcomes(tree))
    found = FlowRun(tree, outcomes, memory, construct).start()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())


@half
@given(st.data())
def test_a_flow_that_stops_follows_from_the_order_of_its_calls(memory: Store, data: st.DataObject) -> None:
    tree = data.draw(mixed_trees(stop=True))
    outcomes = data.draw(mixed_outcomes(tree))
    found = FlowRun(tree, outcomes, memory).start()
    expected = replay(tree, outcomes, found.trace)
    assert found.verdict is expected.verdict
    if is_stopped(tree, outcomes, expected):
        assert stopped_alike(found, expected)
    else:
        assert found.statuses == expected.statuses


@half
@given(st.data(), st.booleans(), st.booleans())
def test_recoveries_of_a_flow_call_what_the_model_calls(
    memory: Store, data: st.DataObject, stop: bool, must_run: bool
) -> None:
    tree = data.draw(mixed_trees(stop=stop and not must_run, must_run=must_run))
    run = FlowRun(tree, data.draw(mixed_outcomes(tree)), memory)
    first = run.start()
    assert first.verdict is replay(tree, run.outcomes, first.trace).verdict
    history = known(first)
    for _ in range(data.draw(st.integers(1, 2))):
        run.outcomes = data.draw(mixed_outcomes(tree))
        check_recovery(run, history, run.recover())


def check_recovery(run: FlowRun, history: dict[Instance, TaskStatus], found: TreeResult) -> None:
    """A recovery is what the model says of it, given the history, to which it is then added."""
    expected = replay(run.tree, run.outcomes, found.trace, history)
    history |= known(found)
    assert found.verdict is expected.verdict
    if not is_stopped(run.tree, run.outcomes, expected):
        assert known(found).items() <= expected.statuses.items()
        assert expected.statuses.items() <= history.items()


def die_somewhere(data: st.DataObject, run: FlowRun) -> TreeResult | None:
    """Start the flow with engines that die, each being continued by the next; the result if one gets to the end."""
    for number in range(data.draw(st.integers(1, 3), label="engines")):
        with suppress(Crash), crash_at(data.draw(st.integers(1, 30), label="crash")):
            return run.go_on() if number else run.start()
    return None


@half
@given(st.data())
def test_a_flow_whose_engines_die_is_continued_to_the_same_end(memory: Store, data: st.DataObject) -> None:
    tree = data.draw(mixed_trees())
    outcomes = data.draw(mixed_outcomes(tree))
    run = FlowRun(tree, outcomes, memory)
    found = die_somewhere(data, run)
    event("died" if found is None else "got to the end")
    found = found or run.go_on()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())


@half
@given(st.data(), st.booleans())
def test_a_flow_whose_engines_died_is_recovered_as_the_model_says(
    memory: Store, data: st.DataObject, must_run: bool
) -> None:
    tree = data.draw(mixed_trees(must_run=must_run))
    run = FlowRun(tree, data.draw(mixed_outcomes(tree)), memory)
    die_somewhere(data, run)
    history = known(TreeResult(run.standing(), verdict=False))
    run.outcomes = data.draw(mixed_outcomes(tree))
    check_recovery(run, history, run.recover())
