"""Random changes to a flow between two of its runs, and how the changed flow must end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hypothesis import strategies as st

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.containers import Outcomes
from tests.model.kernel import AllOf, AnyOf, Outcome, Tree
from tests.model.tree import Clause, Instance, NodeSpec, Path, TreeSpec, walk

Nodes: TypeAlias = tuple[NodeSpec, ...]
Edit: TypeAlias = Callable[[NodeSpec], Nodes]

_statuses = st.sampled_from((StepStatus.success, StepStatus.failure, StepStatus.complete, StepStatus.active))
_delays = st.sampled_from((0.0, 0.0, 0.0, 10.0, 1000.0))
_loops = st.none() | st.integers(0, 3) | st.sampled_from((("a",), ("b", "a"), ("7", "b", "a")))


@dataclass(frozen=True)
class OnceDone:
    """The outcomes from a change on: what was recorded as success stays one."""

    done: frozenset[Instance]
    outcomes: Outcomes

    def __call__(self, path: Path, sequence: str) -> Outcome:
        return "success" if (path, sequence) in self.done else self.outcomes(path, sequence)


@st.composite
def delayed_trees(draw: st.DrawFn, tree: TreeSpec) -> TreeSpec:
    """The flow with delays before some of its steps."""
    for path, _ in walk(tree):
        delay = draw(_delays)
        if delay:
            tree = edited(tree, path, lambda node, delay=delay: (replace(node, delay=delay),))  # type: ignore[misc]
    return tree


@st.composite
def changed_trees(draw: st.DrawFn, tree: TreeSpec, most: int = 3) -> TreeSpec:
    """The flow with some steps added, removed, renamed, made container or leaf, or with another loop or requirement."""
    for number in range(draw(st.integers(1, most))):
        tree = _changed(draw, tree, f"x{number}")
    return tree


def _changed(draw: st.DrawFn, tree: TreeSpec, name: str) -> TreeSpec:
    paths = [path for path, _ in walk(tree)]
    kind = draw(st.sampled_from(("add", "require", "loop", "turn", "rename", "remove", "delay")))
    if kind == "add" or not paths:
        return _with_one_more(draw, tree, name)
    path = draw(st.sampled_from(paths))
    if kind == "remove":
        return pruned(edited(tree, path, lambda node: ()))
    if kind == "rename":
        return pruned(edited(tree, path, lambda node: (replace(node, name=name),)))
    if kind == "delay":
        delay = draw(_delays)
        return edited(tree, path, lambda node: (replace(node, delay=delay),))
    if kind == "loop":
        loop, concurrent = draw(_loops), draw(st.integers(1, 2))
        return edited(tree, path, lambda node: (replace(node, loop=loop, concurrent=concurrent),))
    if kind == "turn":
        return pruned(edited(tree, path, lambda node: (_turned(node, name),)))
    require = _clauses(draw, visible_from(tree)[path])
    return edited(tree, path, lambda node: (replace(node, require=require),))


def _with_one_more(draw: st.DrawFn, tree: TreeSpec, name: str) -> TreeSpec:
    containers: list[Path] = ["", *(path for path, node in walk(tree) if node.children)]
    parent = draw(st.sampled_from(containers))
    leaf = NodeSpec(name)
    added = draw(st.sampled_from((leaf, replace(leaf, loop=2), _turned(leaf, "y"))))
    if parent:
        tree = edited(tree, parent, lambda node: (replace(node, children=(*node.children, added)),))
    else:
        tree = replace(tree, children=(*tree.children, added))
    path = f"{parent}/{name}".lstrip("/")
    require = _clauses(draw, visible_from(tree)[path])
    return edited(tree, path, lambda node: (replace(node, require=require),))


def _turned(node: NodeSpec, name: str) -> NodeSpec:
    """A container of a leaf, and the other way round."""
    return replace(node, children=() if node.children else (NodeSpec(name),))


def _clauses(draw: st.DrawFn, known: Sequence[Path]) -> Tree[Clause] | None:
    if not known or draw(st.booleans()):
        return None
    several = draw(st.lists(st.builds(Clause, st.sampled_from(known), _statuses), min_size=1, max_size=2))
    return AllOf(tuple(several)) if draw(st.booleans()) else AnyOf(tuple(several))


def edited(tree: TreeSpec, path: Path, edit: Edit) -> TreeSpec:
    """The flow with what `edit` makes of one step in its place."""

    def within(nodes: Nodes, names: Sequence[str]) -> Nodes:
        found: list[NodeSpec] = []
        for node in nodes:
            if node.name != names[0]:
                found.append(node)
            elif len(names) == 1:
                found += edit(node)
            else:
                found.append(replace(node, children=within(node.children, names[1:])))
        return tuple(found)

    return replace(tree, children=within(tree.children, path.split("/")))


def visible_from(tree: TreeSpec) -> Mapping[Path, list[Path]]:
    """What each step may require: its earlier siblings, and those of the containers around it."""
    found: dict[Path, list[Path]] = {}

    def note(nodes: Nodes, around: Path, outer: list[Path]) -> None:
        known = list(outer)
        for node in nodes:
            path = f"{around}/{node.name}".lstrip("/")
            found[path] = list(known)
            note(node.children, path, known)
            known.append(path)

    note(tree.children, "", [])
    return found


def pruned(tree: TreeSpec) -> TreeSpec:
    """The flow without clauses about steps that are gone."""
    for path, known in visible_from(tree).items():
        tree = edited(tree, path, lambda node, known=known: (replace(node, require=_kept(node.require, known)),))  # type: ignore[misc]
    return tree


def _kept(tree: Tree[Clause] | None, known: Sequence[Path]) -> Tree[Clause] | None:
    if isinstance(tree, AllOf | AnyOf):
        parts = tuple(part for part in (_kept(one, known) for one in tree.parts) if part is not None)
        return type(tree)(parts) if parts else None
    return tree if tree is not None and tree.path in known else None


def finished(statuses: Mapping[Instance, TaskStatus]) -> dict[Instance, TaskStatus]:
    """What ended by itself, what was skipped among it as the success that it was."""
    return {
        instance: TaskStatus.success if status.is_done else status
        for instance, status in statuses.items()
        if status.is_done or status is TaskStatus.failure
    }
