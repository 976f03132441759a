"""Hypothesis strategies for flows in which all constructs are mixed."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from hypothesis import assume
from hypothesis import strategies as st

from eventcore.define.status import StepStatus
from tests.model.kernel import AllOf, AnyOf, Tree, holds
from tests.model.strategies import FailingLeaves, trees
from tests.model.tree import (
    Clause,
    Instance,
    Level,
    Members,
    NodeSpec,
    Path,
    Previous,
    TreeSpec,
    children_of,
    executions,
    last_on,
    parent,
    walk,
)

ENDS = (StepStatus.success, StepStatus.failure, StepStatus.complete, StepStatus.over)
seldom = st.sampled_from((False, False, False, False, True))


@st.composite
def mixed_trees(draw: st.DrawFn, *, stop: bool = False, must_run: bool = False, max_nodes: int = 7) -> TreeSpec:
    """A flow with every kind of clause, conditions and allowed failures; and with `must_run`, steps that must run."""
    tree = draw(trees(stop=stop, max_nodes=max_nodes, max_items=3))
    paths = [path for path, _ in walk(tree)]

    def changed(path: Path, node: NodeSpec) -> NodeSpec:
        return replace(
            node,
            children=tuple(changed(f"{path}/{child.name}", child) for child in node.children),
            require=draw(_requires(tree, path, node, paths)),
            when=draw(seldom),
            allow_failure=draw(seldom),
            must_run=must_run and draw(seldom),
        )

    found = replace(tree, children=tuple(changed(child.name, child) for child in tree.children))
    for level in ["", *paths]:
        children, last = children_of(found, level), last_on(found, level)
        assume(not last or len(last) < len(children))
        assume(all(_comes_last(children[path], last) for path in last))
    return found


def _comes_last(node: NodeSpec, last: Collection[Path]) -> bool:
    """Whether the step cannot but wait for all else on its level, or one that does; else it may run beside that."""
    return node.require is not None and not holds(
        node.require, lambda clause: not isinstance(clause, Level) and clause.path not in last
    )


@st.composite
def _requires(
    draw: st.DrawFn, tree: TreeSpec, path: Path, node: NodeSpec, paths: Sequence[Path]
) -> Tree[Clause] | None:
    """What the step required before, or something that only the newer clauses can say, or both."""
    possible = list(_newer(tree, path, paths))
    if not possible or draw(st.sampled_from((False, True, True))):
        return node.require
    newer = [draw(draw(st.sampled_from(possible))) for _ in range(draw(st.integers(1, 2)))]
    parts: list[Tree[Clause]] = [*([] if node.require is None else [node.require]), *newer]
    if len(parts) == 1:
        return parts[0]
    return AllOf(tuple(parts)) if draw(st.booleans()) else AnyOf(tuple(parts))


def _newer(tree: TreeSpec, path: Path, paths: Sequence[Path]) -> list[st.SearchStrategy[Clause]]:
    """The kinds of clauses that the step can have where it stands."""
    steps, level = dict(walk(tree)), parent(path)
    around = [at for at in paths if path.startswith(f"{at}/")]
    levels = {"", *around}
    known = [at for at in paths[: paths.index(path)] if parent(at) in levels and at not in around]
    found: list[st.SearchStrategy[Clause]] = []
    if known:
        found.append(st.builds(Clause, st.sampled_from(known), st.just(StepStatus.over)))
    boxes = [at for at in known if steps[at].children or steps[at].loop is not None]
    found += [_members(steps[at], at) for at in boxes]
    if len(children_of(tree, level)) > 1:
        found.append(st.builds(Level, st.just(level), st.sampled_from(ENDS)))
    for loop in around:
        if steps[loop].loop is not None:
            inside = [at for at in paths if at.startswith(f"{loop}/") and parent(at) in levels]
            at, status = st.sampled_from(inside), st.sampled_from(tuple(StepStatus))
            found.append(st.builds(Previous, at, status, st.just(loop), st.integers(1, 2)))
    return found


def _members(box: NodeSpec, path: Path) -> st.SearchStrategy[Clause]:
    count = len(box.keys) if box.loop is not None else len(box.children)
    least = st.none() if not count else st.none() | st.integers(1, count)
    return st.builds(Members, st.just(path), st.sampled_from(tuple(StepStatus)), least)


@st.composite
def mixed_outcomes(draw: st.DrawFn, tree: TreeSpec) -> FailingLeaves:
    """Which leaf executions and conditions fail, which find nothing to do, and which conditions say no."""

    def some(possible: Sequence[Instance]) -> frozenset[Instance]:
        return draw(st.frozensets(st.sampled_from(possible), max_size=4)) if possible else frozenset()

    possible = [*executions(tree), *executions(tree, conditions=True)]
    return FailingLeaves(some(possible), some(possible))
