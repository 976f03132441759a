"""Random flows in which all constructs are mixed, run by the real engine and by their model."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventcore.record.store import Store
from tests.model.constructs import mixed_outcomes, mixed_trees
from tests.model.containers import run_tree
from tests.property.flows import FlowRun
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_flow_that_does_not_stop_ends_as_the_model_says_whatever_the_order(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    tree = data.draw(mixed_trees())
    outcomes = data.draw(mixed_outcomes(tree))
    found = FlowRun(tree, outcomes, memory, construct).start()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())
