"""Random flows with setups and teardowns: what is called in a container is called between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventcore as evr
from eventcore.define.status import TaskStatus
from eventcore.record.store import Store
from sequent.language.around import AroundCall
from tests.model import strategies
from tests.model.containers import run_tree
from tests.model.tree import Instance, NodeSpec, Path, TreeSpec, walk
from tests.property.open_loops import OpenRun, kinds
from tests.property.programs import ToldToFailError
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


class Call(NamedTuple):
    """A call of a leaf, or of the setup or teardown of a container."""

    path: Path
    sequence: str
    part: str


class AroundRun(OpenRun):
    """A run of a model's flow, some containers of which have a setup or a teardown."""

    def __init__(
        self, *arguments: Any, around: frozenset[tuple[Path, str]], kinds: Mapping[Path, str] = MappingProxyType({})
    ) -> None:
        super().__init__(*arguments, kinds=kinds)
        self.around = around
        self.broken = frozenset[Call]()
        self.calls: list[Call] = []

    def call(self) -> None:
        view = evr.current()
        call = Call(view.name, view.sequence, view.part)
        with self._lock:
            self.calls.append(call)
        if call in self.broken:
            raise ToldToFailError
        if not view.part:
            super().call()

    def _add(self, parent: Any, node: NodeSpec, path: str, known: dict[str, Any]) -> None:
        super()._add(parent, node, path, known)
        given = [what for what in ("setup", "teardown") if (path, what) in self.around]
        if given:
            known[path].around = {what: AroundCall(self.call, ()) for what in given}

    def errors(self) -> list[str]:
        """What is wrong with the calls of one recovery."""
        found = []
        for path, sequence in {(known, at) for known, _ in self.around for at in self._sequences(known)}:
            setup, teardown = (Call(path, sequence, what) for what in ("setup", "teardown"))
            inside = [place for place, call in enumerate(self.calls) if _is_inside(call, path, sequence)]
            if any(self.calls.count(call) > 1 for call in (setup, teardown)):
                found.append(f"{path}@{sequence}: set up or torn down twice")
            is_set_up = inside and setup not in self.broken and setup in self.calls[: inside[0]]
            if (path, "setup") in self.around and inside and not is_set_up:
                found.append(f"{path}@{sequence}: not set up before {self.calls[inside[0]]}")
            if (path, "teardown") in self.around and (inside or setup in self.calls):
                last = max([*inside, *(place for place, call in enumerate(self.calls) if call == setup)])
                if teardown not in self.calls[last:]:
                    found.append(f"{path}@{sequence}: not torn down after {self.calls[last]}")
        return found

    def _sequences(self, path: Path) -> set[str]:
        """At which the container was, as far as something was called in it."""
        depth = path.count("/") + 1
        return {
            ".".join(call.sequence.split(".")[:depth])
            for call in self.calls
            if call.path == path or call.path.startswith(f"{path}/")
        }


def _is_inside(call: Call, path: Path, sequence: str) -> bool:
    if not call.sequence.startswith(f"{sequence}."):
        return False
    return call.path.startswith(f"{path}/") or (call.path == path and not call.part)


def containers(tree: TreeSpec) -> list[Path]:
    return [path for path, node in walk(tree) if node.children or node.loop is not None]


@st.composite
def arounds(draw: st.DrawFn, tree: TreeSpec) -> frozenset[tuple[Path, str]]:
    """Which containers have a setup or a teardown."""
    possible = [(path, what) for path in containers(tree) for what in ("setup", "teardown")]
    return draw(st.frozensets(st.sampled_from(possible))) if possible else frozenset()


@st.composite
def breaks(draw: st.DrawFn, calls: list[Call]) -> frozenset[Call]:
    """Which of the setups and teardowns fail."""
    possible = [call for call in calls if call.part]
    return draw(st.frozensets(st.sampled_from(possible), max_size=2)) if possible else frozenset()


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_what_does_not_fail_changes_no_end(memory: Store, data: st.DataObject, construct: str) -> None:
    tree = data.draw(strategies.trees(max_items=2))
    outcomes = data.draw(strategies.tree_outcomes(tree))
    run = AroundRun(tree, outcomes, memory, construct, around=data.draw(arounds(tree)))
    found, expected = run.start(), run_tree(tree, outcomes)
    assert (found.statuses, found.verdict) == (expected.statuses, expected.verdict)
    assert run.errors() == []


@given(st.data(), st.booleans(), st.sampled_from(("invoke", "thread")))
def test_all_is_between_setup_and_teardown_in_each_recovery_and_comes_to_its_end(
    memory: Store, data: st.DataObject, stop: bool, construct: str
) -> None:
    tree = data.draw(strategies.trees(stop=stop, max_items=2))
    around, open_loops = data.draw(arounds(tree)), data.draw(kinds(tree))
    run = AroundRun(tree, strategies.FailingLeaves(), memory, construct, around=around, kinds=open_loops)
    run.start()
    run.broken = data.draw(breaks(run.calls))
    run.outcomes = data.draw(strategies.tree_outcomes(tree))
    run.run_id, run.calls = f"{run.run_id} again", []
    done, found = set[Instance](), run.start()
    for _ in range(data.draw(st.integers(0, 2))):
        assert run.errors() == []
        assert not [call for call in run.calls if not call.part and call[:2] in done]
        assert all(
            found.statuses[Instance(*call[:2])] is TaskStatus.failure for call in run.calls if call in run.broken
        )
        done |= {instance for instance, status in found.statuses.items() if status.is_done}
        run.calls = []
        found = run.recover()
    run.broken, run.outcomes, run.calls = frozenset(), strategies.FailingLeaves(), []
    assert run.recover().verdict
    assert run.errors() == []
    run.calls = []
    assert run.recover().verdict
    assert run.calls == []
