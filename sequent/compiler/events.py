"""The events of a compiled flow: their names, and which of them say that a clause holds or can no longer hold.

An event is made when something asks for it. Names of inner things have a `#`, which no step name can have.
"""

from __future__ import annotations

from collections.abc import Mapping

from eventcore.define.event import Event, EventKind
from eventcore.define.expression import And, Expression, Or
from eventcore.define.program import Program
from eventcore.define.scopes import Carried
from eventcore.define.status import StepStatus, TaskStatus
from sequent.compiler.graph import FlowGraph, level_of, loop_of
from sequent.language.container import Container
from sequent.language.references import event_name
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause, StepEvent
from sequent.language.step import FlowStep, step_of

#: how a level ends, and the statuses of it that this means
_ends: Mapping[TaskStatus, tuple[StepStatus, ...]] = {
    TaskStatus.success: (StepStatus.success, StepStatus.complete),
    TaskStatus.failure: (StepStatus.failure, StepStatus.complete),
    TaskStatus.cancelled: (),
}


class Events:
    """The events of the program that a flow becomes."""

    def __init__(self, program: Program, graph: FlowGraph) -> None:
        self.program = program
        self.graph = graph

    def event(self, name: str, scope: str, kind: EventKind = EventKind.internal) -> Event:
        """The event of this name, made at its first use."""
        known = self.program.events.get(name)
        return self.program.add_event(name, scope=scope, kind=kind) if known is None else known

    def came(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step reached the status."""
        return self.event(f"{step.path}#{status.value}", step.parent.path)

    def never(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step can no longer reach the status."""
        event = self.event(f"{step.path}#never-{status.value}", step.parent.path)
        if status in (StepStatus.ready, StepStatus.active):  # which came, if the step was cancelled after that
            self.program.ruled_out[event.name] = self.came(step, status).name
        return event

    def comes(self, clause: Clause) -> Expression:
        """What says that the clause holds."""
        if type(clause) is Clause:
            return self.came(step_of(clause), clause.status)
        if isinstance(clause, LevelClause):
            return self.level_event(level_of(clause), clause.status)
        if isinstance(clause, MembersClause):
            return self.members_event(clause)
        if isinstance(clause, PreviousClause):
            return self.previous_event(clause)
        assert isinstance(clause, StepEvent)
        return self.own(clause)

    def cannot_come(self, clause: Clause) -> Event | None:
        """The event that says that the clause can no longer hold; None for one that holds in the end."""
        if clause.status is StepStatus.over and not isinstance(clause, MembersClause):
            return None
        if isinstance(clause, LevelClause):
            return self.level_event(level_of(clause), clause.status, "never-")
        if isinstance(clause, MembersClause):
            return self.members_event(clause, "never-")
        if isinstance(clause, PreviousClause):
            return self.previous_event(clause, "never-")
        if isinstance(clause, StepEvent):
            return self.event(f"{self.own(clause).name}-missed", self.own(clause).scope, EventKind.missed)
        return self.never(step_of(clause), clause.status)

    def level_event(self, level: Container, status: StepStatus, word: str = "") -> Event:
        """The event that says how everything else on a level has ended."""
        if status is StepStatus.over:
            return self.event(f"{level.path}#ended", level.path, EventKind.ended)
        return self.event(f"{level.path}#{word}ended-{status.value}", level.path)

    def members_event(self, clause: MembersClause, word: str = "") -> Event:
        """The event of a container's own level that says how many of its members have a status."""
        container = step_of(clause)
        return self.event(f"{container.path}#{word}{count_of(clause)}", container.parent.path, EventKind.members)

    def own(self, event: StepEvent) -> Event:
        """The event that a step emits."""
        step = step_of(event)
        return self.event(event_name(step.path, event.name), step.parent.path, EventKind.own)

    def previous_event(self, clause: PreviousClause, word: str = "") -> Event:
        """The event that says that a step in an earlier iteration reached a status, or that there is none."""
        step, depth = step_of(clause), loop_of(clause).depth
        name = f"{step.path}#{word}{clause.status.value}-{clause.previous.back}-back-{depth}"
        return self.event(name, step.parent.path)

    def outcomes(self, level: Container) -> Mapping[TaskStatus, tuple[Event, ...]]:
        """What follows from the end of everything on a level but the steps that wait for it, by how it ended."""
        found = {status: list[Event]() for status in (TaskStatus.success, TaskStatus.failure, TaskStatus.cancelled)}
        for asked in self.graph.asked_of_level(level):
            for ended, meant in _ends.items():
                if asked is not StepStatus.over:
                    found[ended].append(self.level_event(level, asked, "" if asked in meant else "never-"))
        return {status: tuple(events) for status, events in found.items() if events}

    def carried(self, loop: FlowStep) -> tuple[Carried, ...]:
        """What is carried from iterations of the loop into later ones."""
        found = []
        for clause in self.graph.asked_of_previous(loop):
            step, status = step_of(clause), clause.status
            never: Event | None = None
            never_into: Event | None = None
            if status is not StepStatus.over and status in self.graph.never_asked_of(step):
                never, never_into = self.never(step, status), self.previous_event(clause, "never-")
            came, into = self.came(step, status), self.previous_event(clause)
            found.append(Carried(came, into, never, never_into, clause.previous.back))
        return tuple(found)

    def unwalked(self, container: FlowStep) -> tuple[Event, ...]:
        """What is said of the members of a container that does not run: they have no status, but are over."""

        def comes(clause: MembersClause) -> bool:
            return clause.status is StepStatus.over and (clause.least is None or container.loop is None)

        asked = self.graph.members_asked_of(container)
        return tuple(self.members_event(clause, "" if comes(clause) else "never-") for clause in asked)

    def dual(self, tree: Expression) -> Expression | None:
        """What says that the tree can no longer hold: and and or exchanged; None where it holds in the end."""
        if isinstance(tree, And):
            parts = [part for one in tree.parts if (part := self.dual(one)) is not None]
            return Or(*parts) if parts else None
        if isinstance(tree, Or):
            duals = [self.dual(one) for one in tree.parts]
            return None if any(dual is None for dual in duals) else And(*duals)
        return self.cannot_come(clause_of(tree))


def clause_of(leaf: Expression) -> Clause:
    """The leaf of a requirement's tree as a clause."""
    assert isinstance(leaf, Clause)
    return leaf


def count_of(clause: MembersClause) -> str:
    """The number and the status of a clause on members, as part of a name."""
    return f"{'all' if clause.least is None else clause.least}-{clause.status.value}"
