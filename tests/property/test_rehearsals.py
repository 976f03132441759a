"""What is told of a recovery of a random flow is what that recovery then does, where nothing fails any more."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventcore.define.status import RunMode
from eventcore.record.store import Store
from eventcore.run.rehearsal import rehearse
from tests.model import strategies
from tests.property.flows import FlowRun
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


@given(st.data(), st.booleans())
def test_a_recovery_does_what_was_told(memory: Store, data: st.DataObject, stop: bool) -> None:
    tree = data.draw(strategies.trees(stop=stop, max_items=2))
    run = FlowRun(tree, data.draw(strategies.tree_outcomes(tree)), memory)
    run.start()
    for _ in range(data.draw(st.integers(0, 1))):
        run.outcomes = data.draw(strategies.tree_outcomes(tree))
        run.recover()
    flow = run.built(RunMode.recover)
    told = rehearse(flow, run.run_id)
    run.outcomes = strategies.FailingLeaves()
    called = {tuple(action.instance) for action in run.recover().trace}
    assert called == {
        (name.partition("#")[0], sequence)
        for name, known in told.steps.items()
        for sequence in [*(at for at, _ in known.again), *known.first]
    }
