"""What can be found wrong with a flow before it runs: clauses that name what they may not, and circles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eventcore.define.expression import And, Expression, rebuilt
from eventcore.define.reference import references_in
from eventcore.define.status import StepStatus
from sequent.errors import CycleError, FlowError, LoopError, RequireError
from sequent.language.references import ItemReference, KeyReference, ResultReference
from sequent.language.require import Clause, clauses
from sequent.language.step import Container, FlowStep


@dataclass(frozen=True, slots=True)
class Wiring:
    """A checked flow: what each step requires, with every clause's step found."""

    requirements: dict[str, Expression | None]

    def of(self, step: FlowStep) -> Expression | None:
        """The step's requirement tree, with what its references imply."""
        return self.requirements[step.path]


def checked(root: Container) -> Wiring:
    """Check the whole flow; raises a `FlowError` that names the step and the remedy."""
    requirements: dict[str, Expression | None] = {}
    for step in root.walk():
        _check_references(step, root)
        parts: list[Expression] = list(step.implied())
        if step.require is not None:
            parts.insert(0, step.require)
        tree = None if not parts else parts[0] if len(parts) == 1 else And(*parts)
        requirements[step.path] = None if tree is None else rebuilt(tree, _Finder(step, root))
    _check_circles(root, requirements)
    return Wiring(requirements)


class _Finder:
    """Finds the steps that the clauses of one step name."""

    def __init__(self, step: FlowStep, root: Container) -> None:
        self.step = step
        self.root = root

    def __call__(self, leaf: Expression) -> Clause:
        assert isinstance(leaf, Clause)
        named = _by_name(leaf.step, self.step, self.root) if isinstance(leaf.step, str) else leaf.step
        _check_reach(named, self.step, self.root, "requires")
        return Clause(named, leaf.status)


def _around(step: FlowStep) -> list[Container]:
    """The containers whose steps a clause of `step` may name: its own, and those around it out to the flow."""
    found: list[Container] = [step.parent]
    while isinstance(inner := found[-1], FlowStep):
        found.append(inner.parent)
    return found


def _by_name(name: str, step: FlowStep, root: Container) -> FlowStep:
    for container in _around(step):
        if name in container.children:
            return container.children[name]
    for other in root.walk():
        if other.path == name:
            return other
    known = ", ".join(repr(other.name) for container in _around(step) for other in container.children.values())
    raise RequireError(f"step {step.path!r} requires {name!r}, which the flow does not have; it can name {known}")


def _check_reach(named: FlowStep, step: FlowStep, root: Container, verb: str) -> None:
    if _around(named)[-1] is not root:
        raise RequireError(f"step {step.path!r} {verb} {named.path!r} of another flow; name a step of this one")
    if named is step or named in step.containers:
        what = "itself" if named is step else f"{named.path!r}, which contains it"
        raise CycleError(f"step {step.path!r} {verb} {what}; that can never come first, leave it out")
    reachable = _around(step)
    if named.parent not in reachable:
        container = next(c for c in named.containers if c.parent in reachable)
        hint = (
            f"require {container.path!r} instead"
            if container is not step and container not in step.containers
            else f"move the clause to a step inside {container.path!r}"
        )
        raise RequireError(
            f"step {step.path!r} {verb} {named.path!r}, which is inside container {container.path!r}; {hint}"
        )


def _check_references(step: FlowStep, root: Container) -> None:
    for reference in references_in((step.args, step.kwargs, step.loop)):
        if isinstance(reference, ResultReference):
            if reference.step.children:
                raise FlowError(
                    f"step {step.path!r} refers to the result of container {reference.step.path!r}, which has none; "
                    "refer to one of its steps from inside, or let it write where this step can read"
                )
            _check_reach(reference.step, step, root, "refers to the result of")
        elif isinstance(reference, (ItemReference, KeyReference)):
            inside = reference.step in step.containers or (reference.step is step and not step.children)
            if not inside:
                raise LoopError(f"step {step.path!r} refers to {reference!r}, which does not contain it")


def _check_circles(root: Container, requirements: dict[str, Expression | None]) -> None:
    """Every step has a start and an end; whatever must come first points at what must come later."""
    import networkx as nx

    graph: nx.DiGraph[tuple[str, str]] = nx.DiGraph()
    for step in root.walk():
        start, end = (step.path, "start"), (step.path, "end")
        graph.add_edge(start, end)
        if isinstance(step.parent, FlowStep):
            graph.add_edge((step.parent.path, "start"), start)
            graph.add_edge(end, (step.parent.path, "end"))
        for clause in clauses(requirements[step.path]):
            assert isinstance(clause.step, FlowStep)
            moment = "start" if clause.status in (StepStatus.ready, StepStatus.active) else "end"
            graph.add_edge((clause.step.path, moment), start)
    try:
        circle = nx.find_cycle(graph)
    except nx.NetworkXNoCycle:
        return
    raise CycleError(f"these steps wait for each other: {_told(path for (path, _), _ in circle)}; take one clause out")


def _told(paths: Iterable[str]) -> str:
    walked: list[str] = []
    for path in paths:
        if not walked or walked[-1] != path:
            walked.append(path)
    if walked[-1] != walked[0]:
        walked.append(walked[0])
    return " -> ".join(repr(path) for path in walked)
