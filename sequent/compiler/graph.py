"""`FlowGraph`: a checked flow as one directed graph, and what the compiler reads off it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import networkx as nx

from eventcore.define.expression import Expression
from eventcore.define.reference import references_in
from eventcore.define.status import StepStatus
from sequent.compiler.moments import END, START, Moments, moments
from sequent.compiler.requirements import requirements
from sequent.language.open_loops import Until
from sequent.language.references import ResultReference
from sequent.language.require import clauses
from sequent.language.step import Container, FlowStep, step_of

Asked: TypeAlias = tuple[str, StepStatus]  #: the path of a step, and a status of it

_ORDER = list(StepStatus)
ROOT = ""  #: the path of the flow itself


class FlowGraph:
    """A flow whose requirements are found and which has no cycles; `moments` describes the graph.

    Building it raises the `FlowError` that names the step and the remedy. `stops` says whether a failure of the step
    that no clause takes in hand ends the iteration around it. Sets name steps by their paths.
    """

    def __init__(self, root: Container, stops: Callable[[FlowStep], bool]) -> None:
        self.root = root
        self.stops = stops
        self.steps = {step.path: step for step in root.walk()}
        self._requirements = requirements(root)
        self.moments: Moments = moments(root, self._requirements)

    def requirement(self, step: FlowStep) -> Expression | None:
        """The tree of clauses that must hold before the step starts; None asks for nothing but its container's start.

        Every clause has its step; what references among the arguments imply is part of it.
        """
        return self._requirements[step.path].tree

    def outward(self, step: FlowStep) -> frozenset[StepStatus]:
        """The statuses that the step requires of steps outside its container."""
        found = clauses(self.requirement(step))
        return frozenset(clause.status for clause in found if step_of(clause).parent is not step.parent)

    @cached_property
    def _asking(self) -> list[tuple[str, str, tuple[StepStatus, ...]]]:
        """Who is asked, who asks, and for which statuses."""
        return [
            (source, target, data["statuses"])
            for (source, _), (target, _), data in self.moments.edges(data=True)
            if "statuses" in data
        ]

    @cached_property
    def asked(self) -> frozenset[Asked]:
        """The statuses that some clause requires."""
        return frozenset((source, status) for source, _, statuses in self._asking for status in statuses)

    def asked_of(self, step: FlowStep) -> Sequence[StepStatus]:
        """The statuses of the step that some clause requires."""
        return self._asked_by_path.get(step.path, ())

    def never_asked_of(self, step: FlowStep) -> Sequence[StepStatus]:
        """The statuses of the step of which it must be told that they cannot come any more."""
        return self._never_asked_by_path.get(step.path, ())

    @cached_property
    def _asked_by_path(self) -> Mapping[str, Sequence[StepStatus]]:
        return _by_path(self.asked)

    @cached_property
    def _never_asked_by_path(self) -> Mapping[str, Sequence[StepStatus]]:
        return _by_path(self.never_asked)

    @cached_property
    def referred(self) -> Collection[str]:
        """The steps whose results others take."""
        asked = (s.loop.condition for s in self.steps.values() if isinstance(s.loop, Until))
        taken = {one.step.path for one in references_in(list(asked)) if isinstance(one, ResultReference)}
        return taken.union(source for (source, _), _, data in self.moments.edges(data=True) if data.get("result"))

    @cached_property
    def voidable(self) -> frozenset[str]:
        """The steps for which others must know when it is certain that they will not run.

        These are the steps in containers, whose iterations end when all is certain, and all that they depend on.
        """
        needs: nx.DiGraph[str] = nx.DiGraph((source, target) for source, target, _ in self._asking)
        needs.add_edges_from((path, ROOT) for path, step in self.steps.items() if step.parent is not self.root)
        return frozenset(nx.ancestors(needs, ROOT)) if ROOT in needs else frozenset()

    @cached_property
    def never_asked(self) -> frozenset[Asked]:
        """The statuses for which others must know when they can no longer come."""
        return frozenset(
            (source, status)
            for source, target, statuses in self._asking
            if target in self.voidable
            for status in statuses
        )

    @cached_property
    def handled(self) -> frozenset[str]:
        """The steps whose failure a clause asks for."""
        return frozenset(path for path, status in self.asked if status in (StepStatus.failure, StepStatus.complete))

    def is_handled(self, step: FlowStep) -> bool:
        """Whether a clause asks for the failure of the step, or of a container around it."""
        return any(around.path in self.handled for around in (step, *step.containers))

    def ends_the_run(self, step: FlowStep) -> bool:
        """Whether the step's failure, if unhandled, would pass through every container around it."""
        return self._ending[step.path]

    @cached_property
    def _ending(self) -> Mapping[str, bool]:
        found = {ROOT: True}
        for path, step in self.steps.items():
            found[path] = found[step.parent.path] and self.stops(step)
        return found

    def can_be_halted(self, container: Container) -> bool:
        """Whether an iteration of the container can be ended before its time."""
        return self._has_teardown or container.path in self._halting

    @cached_property
    def _has_teardown(self) -> bool:
        """Whether some container has one: a failure that stops the run then ends all iterations."""
        return any(step.teardown is not None for step in self.steps.values())

    @cached_property
    def _halting(self) -> frozenset[str]:
        """The containers that hold what can end an iteration, and every container inside of these."""
        inside: nx.DiGraph[str] = nx.DiGraph()
        inside.add_node(ROOT)
        for path, step in self.steps.items():
            if step.is_container and step.parent is not self.root:
                inside.add_edge(step.parent.path, path)
            if self.stops(step) and path not in self.handled:
                halted = [step.parent, step] if step.is_container and not step.children else [step.parent]
                inside.add_edges_from((ROOT, container.path) for container in halted if container is not self.root)
        return frozenset(nx.descendants(inside, ROOT))

    def closing_children(self, container: FlowStep) -> list[FlowStep]:
        """The children whose ends together mean that all have ended.

        A child is left out where another starts at its end or never: a step that waits for nothing else. Where an
        iteration can be halted it takes all: a step that waits is then over before the one that still runs.
        """
        children = list(container.children.values())
        if self.can_be_halted(container):
            return children
        return [child for child in children if not self._has_follower(child)]

    def _has_follower(self, step: FlowStep) -> bool:
        """Whether a sibling asks for the end of this step, and for nothing else."""
        end = (step.path, END)
        known = {end, (step.parent.path, START)}
        return any(
            known.issuperset(self.moments.pred[moment])
            for moment in self.moments.succ[end]
            if self.steps[moment[0]].parent is step.parent
        )


def _by_path(asked: Iterable[Asked]) -> Mapping[str, Sequence[StepStatus]]:
    groups: dict[str, list[StepStatus]] = {}
    for path, status in asked:
        groups.setdefault(path, []).append(status)
    return {path: sorted(group, key=_ORDER.index) for path, group in groups.items()}
