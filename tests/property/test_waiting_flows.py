"""Random flows in which steps ask again and again, or leave their end to others: they end as if they did not."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import sequent
from eventcore.define.status import RunMode
from eventcore.errors import NotYet
from eventcore.record.store import Store
from tests.crash.sabotage import Crash, crash_at
from tests.model.constructs import mixed_outcomes, mixed_trees
from tests.model.containers import Outcomes, run_tree
from tests.model.tree import Instance, NodeSpec, TreeSpec, walk
from tests.property.flows import FlowRun
from tests.property.programs import ToldToFailError
from tests.property.reading import store_at

half = settings(max_examples=max(1, settings().max_examples // 2))

MINUTE = 60.0  #: between two asks


class WaitingRun(FlowRun):
    """A run in which some leaves, by their paths, `poll` or `defer` their ends."""

    def __init__(self, tree: TreeSpec, outcomes: Outcomes, store: Store, construct: str, manners: Mapping[str, str],
                 ) -> None:  # fmt: skip
        super().__init__(tree, outcomes, store, construct)
        self.manners = manners
        self.asked: set[Instance] = set()
        self.flow: sequent.Sequent | None = None

    def built(self, mode: RunMode) -> sequent.Sequent:
        self.flow = super().built(mode)
        self.flow.use_clock(self.clock)
        return self.flow

    def call(self) -> None:
        view = sequent.current()
        instance, manner = Instance(view.name, view.sequence), self.manners.get(view.name)
        if manner == "poll" and instance not in self.asked:
            self.asked.add(instance)
            raise NotYet(MINUTE)
        if manner != "defer":
            super().call()
            return
        error = None
        try:
            super().call()
        except ToldToFailError:
            error = "told to fail"
        assert self.flow is not None
        self.flow.complete(view.defer(), error=error)


def leaves(tree: TreeSpec) -> list[str]:
    return [path for path, node in walk(tree) if isinstance(node, NodeSpec) and not node.children]


def manners_of(tree: TreeSpec, *manners: str) -> st.SearchStrategy[dict[str, str]]:
    """Which leaves wait, and how."""
    return st.dictionaries(st.sampled_from(leaves(tree)), st.sampled_from(manners), min_size=1)


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


@half
@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_flow_whose_steps_poll_and_defer_ends_as_if_they_did_not(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    tree = data.draw(mixed_trees())
    outcomes: Any = data.draw(mixed_outcomes(tree))
    found = WaitingRun(tree, outcomes, memory, construct, data.draw(manners_of(tree, "poll", "defer"))).start()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())


@half
@given(st.data())
def test_a_flow_whose_steps_poll_is_continued_by_other_engines_to_the_same_end(
    memory: Store, data: st.DataObject
) -> None:
    tree = data.draw(mixed_trees())
    outcomes: Any = data.draw(mixed_outcomes(tree))
    run = WaitingRun(tree, outcomes, memory, "invoke", data.draw(manners_of(tree, "poll")))
    found = None
    for number in range(data.draw(st.integers(1, 3), label="engines")):
        with suppress(Crash), crash_at(data.draw(st.integers(1, 30), label="crash")):
            found = run.go_on() if number else run.start()
            break
    event("died" if found is None else "got to the end")
    found = found or run.go_on()
    assert replace(found, trace=()) == replace(run_tree(tree, outcomes), trace=())
