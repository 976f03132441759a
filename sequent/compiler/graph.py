"""`FlowGraph`: a checked flow as one directed graph, and what the compiler reads off it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias, TypeVar

import networkx as nx

from eventcore.define.expression import Expression
from eventcore.define.status import StepStatus
from sequent.compiler.moments import END, START, Moments, moments
from sequent.compiler.requirements import requirements
from sequent.language.container import Container
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause
from sequent.language.step import FlowStep, step_of

Asked: TypeAlias = tuple[str, StepStatus]  #: the path of a step, and a status of it

_ORDER = list(StepStatus)
_Kind = TypeVar("_Kind", bound=Clause)
_Of = TypeVar("_Of")
_FAILURES = (StepStatus.failure, StepStatus.complete)
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

    def reads_earlier(self, step: FlowStep) -> bool:
        """Whether the step takes results of other iterations than its own."""
        return bool(self._requirements[step.path].read)

    def outward(self, step: FlowStep) -> frozenset[StepStatus]:
        """The statuses that the step requires of steps outside its container."""
        return frozenset(clause.status for clause in self.clauses(step) if _looks_out(clause, step))

    def clauses(self, step: FlowStep) -> Sequence[Clause]:
        """Those of its requirement, from left to right."""
        return self._requirements[step.path].clauses

    @cached_property
    def _asking(self) -> list[tuple[str, str, tuple[StepStatus, ...]]]:
        """Who is asked, who asks, and for which statuses."""
        return [
            (source, target, data["statuses"])
            for (source, _), (target, _), data in self.moments.edges(data=True)
            if "statuses" in data
        ] + [
            (step_of(clause).path, path, (clause.status,))
            for path, step in self.steps.items()
            for clause in self.clauses(step)
            if isinstance(clause, PreviousClause)
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
        asked = (source for (source, _), _, data in self.moments.edges(data=True) if data.get("result"))
        return frozenset(asked).union(*(requirement.read for requirement in self._requirements.values()))

    @cached_property
    def voidable(self) -> frozenset[str]:
        """The steps for which others must know when it is certain that they will not run.

        These are the steps in containers, whose iterations end when all is certain, and all that they depend on.
        """
        known = {path for path, step in self.steps.items() if step.parent is not self.root}
        known.update(path for path, status in self.asked if status is StepStatus.over)
        known.update(step_of(c).path for c in self._clauses(MembersClause) if c.status is StepStatus.over)
        known.update(self._needed)
        if not known:
            return frozenset()
        needs: nx.DiGraph[str] = nx.DiGraph((source, target) for source, target, _ in self._asking)
        needs.add_edges_from((path, ROOT) for path in known)
        return frozenset(nx.ancestors(needs, ROOT))

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
        """The steps whose failure a clause asks for, or is allowed."""
        asked = {
            step_of(clause).path
            for kind, found in self._clauses_by_kind.items()
            for clause in found
            if clause.status in _FAILURES and kind is not LevelClause
        }
        allowed = {path for path, step in self.steps.items() if step.config.allow_failure}
        return frozenset(asked | allowed)

    def is_handled(self, step: FlowStep) -> bool:
        """Whether a clause asks for the failure of the step or of a container around it, or it is allowed.

        What happens around a step that must run does not handle its failure.
        """
        if step.config.must_run:
            return step.path in self.handled
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
        return any("teardown" in step.around for step in self.steps.values())

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
            for moment, edge in self.moments.succ[end].items()
            if self.steps[moment[0]].parent is step.parent and not edge.get("early")
        )

    # what is asked of a whole level, and of the members of a container

    def asked_of_level(self, level: Container) -> Sequence[StepStatus]:
        """The statuses that steps directly on the level require of all else there."""
        return self._asked_of_levels.get(level.path, ())

    @cached_property
    def _asked_of_levels(self) -> Mapping[str, Sequence[StepStatus]]:
        return _by_path({(level_of(clause).path, clause.status) for clause in self._clauses(LevelClause)})

    def body_of(self, level: Container) -> Sequence[FlowStep]:
        """The steps that have to be over before those that require something of the level."""
        clause = next(c for c in self._clauses(LevelClause) if c.step is level)
        return [self.steps[step.path] for step in clause.body]

    def members_asked_of(self, container: FlowStep) -> Sequence[MembersClause]:
        """What is required of how many members of the container, each once."""
        return self._members_asked.get(container.path, ())

    @cached_property
    def _members_asked(self) -> Mapping[str, Sequence[MembersClause]]:
        found = {(step_of(c).path, c.status, c.least): c for c in self._clauses(MembersClause)}
        return _grouped((path, clause) for (path, *_), clause in found.items())

    def asked_of_previous(self, loop: FlowStep) -> Sequence[PreviousClause]:
        """What is required of steps in earlier iterations of the loop, each once."""
        return self._previous_asked.get(loop.path, ())

    @cached_property
    def _previous_asked(self) -> Mapping[str, Sequence[PreviousClause]]:
        found = {(loop_of(c).path, c.step, c.status, c.previous.back): c for c in self._clauses(PreviousClause)}
        return _grouped((path, clause) for (path, *_), clause in found.items())

    def must_run(self, step: FlowStep) -> bool:
        """Whether the step, or one inside, must run."""
        return step.path in self._needed

    @cached_property
    def _needed(self) -> frozenset[str]:
        needed = [step for step in self.steps.values() if step.config.must_run]
        return frozenset(around.path for step in needed for around in (step, *step.containers))

    def survives(self, step: FlowStep) -> bool:
        """Whether the step starts even where a failure has ended its iteration: see `STEP_OVER`."""
        return step.path in self._surviving

    @cached_property
    def _surviving(self) -> frozenset[str]:
        found: set[str] = set()
        for path, step in self.steps.items():
            for clause in self.clauses(step):
                if clause.status is StepStatus.over or isinstance(clause, LevelClause):
                    found.add(path)
        for level in {self.steps[path].parent.path: self.steps[path].parent for path in found}.values():
            found |= self._last_on(level)
        return frozenset(found)

    def _last_on(self, level: Container) -> set[str]:
        """The steps of a level that come after all else there."""
        if not self.asked_of_level(level):
            return set()
        return {step.path for step in level.children.values()} - {step.path for step in self.body_of(level)}

    def _clauses(self, kind: type[_Kind]) -> list[_Kind]:
        return self._clauses_by_kind.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def _clauses_by_kind(self) -> Mapping[type[Clause], list[Clause]]:
        found: dict[type[Clause], list[Clause]] = {}
        for step in self.steps.values():
            for clause in self.clauses(step):
                found.setdefault(type(clause), []).append(clause)
        return found


def level_of(clause: LevelClause) -> Container:
    """The flow or container that a clause on a level speaks of."""
    assert isinstance(clause.step, Container)
    return clause.step


def loop_of(clause: PreviousClause) -> FlowStep:
    """The container whose iterations a clause on an earlier one counts."""
    assert isinstance(clause.loop, FlowStep)
    return clause.loop


def _looks_out(clause: Clause, step: FlowStep) -> bool:
    """Whether the clause speaks of another level than the step's own."""
    if isinstance(clause, PreviousClause):
        return True
    return not isinstance(clause, LevelClause) and step_of(clause).parent is not step.parent


def _by_path(asked: Iterable[Asked]) -> Mapping[str, Sequence[StepStatus]]:
    return {path: sorted(group, key=_ORDER.index) for path, group in _grouped(asked).items()}


def _grouped(found: Iterable[tuple[str, _Of]]) -> Mapping[str, list[_Of]]:
    groups: dict[str, list[_Of]] = {}
    for path, one in found:
        groups.setdefault(path, []).append(one)
    return groups
