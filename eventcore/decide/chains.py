"""How much work is left from each step of a program to its end, along the longest chain of steps that follow.

The chain from a step is its own expected duration and the longest of the chains of what follows from its end, as in the
critical path's method. A container counts its inside once for each round of its iterations, `concurrent` of which are
one round, as far as their number is known beforehand, else once. What requires something of a step outside its
container is taken as if the whole container did. Failures are not foreseen: what follows from nothing else does not
count. In a raw program, whatever closes a cycle of events and steps is left out.

It is a pass over the plan, in time proportional to its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import TypeAlias

import msgspec

from eventcore.decide.plan import Plan
from eventcore.define.event import Event, EventKind
from eventcore.define.program import Step
from eventcore.define.status import StepStatus, TaskStatus

Node: TypeAlias = Event | Step

_BESIDE = (StepStatus.ready, StepStatus.active)  #: what follows from these does not wait for the step's end
_AFTER = (StepStatus.success, StepStatus.complete, StepStatus.over)


class Chains(msgspec.Struct, frozen=True):
    """Expected durations, by steps' names."""

    left: dict[str, float]  #: from the start of a step to the end of all; within loops, in their last round
    rounds: dict[str, float]  #: of one round of a container's iterations


def chains(plan: Plan, durations: Mapping[str, float]) -> Chains:
    """The chains, by what each step is expected to take; a step without an expectation counts 1."""
    return _Pass(plan, durations).found()


class _Pass:
    def __init__(self, plan: Plan, durations: Mapping[str, float]) -> None:
        self._plan = plan
        self._durations = durations
        self._depths: dict[str, int] = {}
        for scope in plan.scopes.values():
            self._depths[scope.name] = 0 if scope.parent is None else self._depths[scope.parent] + 1
        self._nodes: dict[str, list[Node]] = {scope: [] for scope in plan.scopes}
        self._next: dict[Node, list[Node]] = {}  #: what follows from an event, or from the end of a step
        self._beside: dict[Node, list[Node]] = {}  #: what follows from the start of a step
        self._length: dict[Node, float] = {}
        self._after: dict[Node, float] = {}  #: the longest chain that follows from an event, or from a step's end
        self._rounds: dict[str, float] = {}
        self._connect()

    def found(self) -> Chains:
        plan = self._plan
        for scope in reversed(plan.scopes):
            for node in self._nodes[scope]:
                self._measure(node)
            if scope in plan.container_of:
                inside = (self._length[step] for step in plan.members.get(scope, ()))
                self._rounds[plan.container_of[scope].name] = max(inside, default=0.0)
        tails = {"": 0.0}  #: what is left when an iteration of a scope is over, and with it its loop
        for scope in list(plan.scopes)[1:]:
            container = plan.container_of[scope]
            tails[scope] = self._after[container] + tails[container.place.scope]
        left = {step.name: self._length[step] + tails[step.place.scope] for step in plan.steps.values()}
        for step in plan.steps.values():
            if step.loop is not None and step.loop.items in left:
                left[step.loop.items] = left[step.name]
        return Chains(left, self._rounds)

    def _connect(self) -> None:
        plan = self._plan
        for event in plan.events.values():
            self._add(event)
        for step in plan.steps.values():
            self._add(step)
        for event in plan.events.values():
            for association in plan.followers.get(event.name, ()):
                self._follows(self._next, event, association.target)
            for dependent in plan.dependents.get(event.name, ()):
                self._follows(self._next, event, dependent)
        for step in plan.steps.values():
            beside = [event for status in _BESIDE for event in step.triggers.get(status, ())]
            beside += [own.event for own in step.place.own]
            ended = [event for status in _AFTER for event in step.triggers.get(status, ()) if event not in beside]
            for event in beside:
                self._follows(self._beside, step, event)
            for event in (*ended, *_told_by(step)):
                self._follows(self._next, step, event)
        for event in plan.events.values():
            for following in self._passed_on(event):
                self._follows(self._next, event, following)

    def _passed_on(self, event: Event) -> Iterator[Event]:
        """The events outside a container, or about all of a level, that an event inside brings about."""
        container = self._plan.container_of.get(event.scope)
        if event.kind is EventKind.export and container is not None and container.loop is not None:
            yield container.loop.exports[event.name]
        elif event.kind is EventKind.ended:
            yield from self._plan.scopes[event.scope].outcomes.get(TaskStatus.success, ())

    def _add(self, node: Node) -> None:
        self._nodes[_scope(node)].append(node)
        self._next[node], self._beside[node] = [], []

    def _follows(self, edges: dict[Node, list[Node]], source: Node, target: Node) -> None:
        """Have one follow from the other; where their scopes differ, the containers around them stand for them."""
        came_from = source
        while _scope(source) != _scope(target):
            depth = self._depths[_scope(source)] - self._depths[_scope(target)]
            if depth >= 0:
                source = self._plan.container_of[_scope(source)]
            if depth <= 0:
                target = self._plan.container_of[_scope(target)]
        if source is not target:
            (edges if source is came_from else self._next)[source].append(target)

    def _measure(self, start: Node) -> None:
        """Find the length of the chain from a node, after those of all that follow from it."""
        if start in self._length:
            return
        under_way = {start}
        stack = [(start, self._successors(start))]
        while stack:
            node, successors = stack[-1]
            following = next((n for n in successors if n not in self._length and n not in under_way), None)
            if following is not None:
                under_way.add(following)
                stack.append((following, self._successors(following)))
                continue
            stack.pop()
            under_way.discard(node)
            self._after[node] = max((self._length.get(n, 0.0) for n in self._next[node]), default=0.0)
            beside = max((self._length.get(n, 0.0) for n in self._beside[node]), default=0.0)
            own = self._own(node) if isinstance(node, Step) else 0.0
            self._length[node] = max(own + self._after[node], beside)

    def _successors(self, node: Node) -> Iterator[Node]:
        yield from self._next[node]
        yield from self._beside[node]

    def _own(self, step: Step) -> float:
        """What the step itself is expected to take."""
        loop = step.loop
        if loop is None:
            unknown = 0.0 if step.func is None or step.is_hidden else 1.0
            return self._durations.get(step.name, unknown) if step.func is not None else 0.0
        inside = self._rounds[step.name]
        items = self._plan.steps.get(loop.items or "")
        if items is None:
            return inside
        rounds = 1 if items.items is None else ceil(items.items.size / loop.concurrent)
        return self._own(items) + rounds * inside


def _told_by(step: Step) -> Iterator[Event]:
    """The events that a step brings about by its result, or by its iterations."""
    if step.choice is not None:
        yield step.choice.holds
    if step.loop is not None:
        yield from (tally.came for tally in step.loop.tallies)


def _scope(node: Node) -> str:
    return node.scope if isinstance(node, Event) else node.place.scope
