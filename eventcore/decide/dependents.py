"""What depends on the end of instances: all that follows from it, also in later iterations of loops.

It is a walk over the plan and the instances in history: from the end of an instance through events to the instances
that these lead to, with the insides of containers, and to those that take its result in a later iteration. Containers
around an instance end because of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple, TypeAlias

from eventcore.decide.archive import Archive
from eventcore.decide.instances import Instances, Key
from eventcore.decide.plan import Plan
from eventcore.define.event import Event, EventKind
from eventcore.define.program import Step


class _What(Enum):
    event = "an event is triggered"
    runs = "a step is reached"
    ends = "a step ends"


_Node: TypeAlias = tuple[_What, str]


class _Way(NamedTuple):
    """From something that happens to what depends on it."""

    to: _Node
    source: str  #: the scope in which the sequences of the cause are seen
    target: str  #: the scope of what depends on it
    loop: str | None = None  #: the scope whose later iterations are meant
    back: int | None = None  #: how many iterations later; None for all that come later


def dependents(plan: Plan, archive: Archive, known: Iterable[Key], ended: Iterable[Key]) -> set[Key]:
    """The instances out of the known ones that depend on the ends of others."""
    instances = Instances(plan, archive, known)
    ways = _ways(plan)
    reached: set[tuple[_Node, str]] = set()
    agenda = deque(((_What.ends, name), sequence) for name, sequence in ended)
    while agenda:
        found = agenda.popleft()
        if found in reached:
            continue
        reached.add(found)
        node, sequence = found
        for way in ways(node):
            agenda.extend((way.to, one) for one in _at(instances, way, sequence))
    return {(name, sequence) for (what, name), sequence in reached if what is _What.runs}


def _at(instances: Instances, way: _Way, sequence: str) -> Iterable[str]:
    if way.loop is None:
        return instances.moved(sequence, way.source, way.target)
    if way.back is None:
        return instances.behind(sequence, way.loop, way.to[1], way.target)
    later = instances.later(sequence, way.loop, way.back)
    return () if later is None else instances.moved(later, way.source, way.target)


def _ways(plan: Plan) -> Callable[[_Node], list[_Way]]:
    """What depends on a node, each found out once."""
    readers = _readers(plan)
    known: dict[_Node, list[_Way]] = {}

    def ways(node: _Node) -> list[_Way]:
        if node not in known:
            known[node] = list(_following(plan, readers, node))
        return known[node]

    return ways


def _readers(plan: Plan) -> dict[str, list[_Way]]:
    """To the steps that take results of earlier iterations, by the step whose result it is."""
    found: dict[str, list[_Way]] = {}
    for step in plan.steps.values():
        for earlier in step.place.earlier:
            source = plan.steps[earlier.step].place.scope
            way = _Way((_What.runs, step.name), source, step.place.scope, earlier.scope, earlier.back)
            found.setdefault(earlier.step, []).append(way)
    return found


def _following(plan: Plan, readers: dict[str, list[_Way]], node: _Node) -> Iterator[_Way]:
    what, name = node
    if what is _What.event:
        yield from _after_event(plan, plan.events[name])
        return
    step = plan.steps[name]
    scope = step.place.scope
    if what is _What.runs:
        yield _Way((_What.ends, name), scope, scope)
        if step.loop is not None:
            inner = step.loop.scope.name
            yield from (_Way((_What.runs, one.name), scope, inner) for one in plan.members.get(inner, ()))
            serving = (one for one in (step.loop.items, step.loop.setup, step.loop.teardown) if one is not None)
            yield from (_Way((_What.runs, one), scope, scope) for one in serving)
        return
    yield from (_Way((_What.event, event.name), scope, event.scope) for event in _raised(step))
    yield from readers.get(name, ())
    if (container := plan.container_of.get(scope)) is not None:
        yield _Way((_What.ends, container.name), scope, container.place.scope)


def _after_event(plan: Plan, event: Event) -> Iterator[_Way]:
    for dependent in (*plan.dependents.get(event.name, ()), *_passed_on(plan, event)):
        yield _Way((_What.event, dependent.name), event.scope, dependent.scope)
    for container, one in plan.carried_from.get(event.name, ()):
        assert container.loop is not None
        for into in (one.into, one.never_into):
            if into is not None:
                loop = container.loop.scope.name
                yield _Way((_What.event, into.name), event.scope, into.scope, loop, one.back)
    for association in plan.followers.get(event.name, ()):
        target = association.target
        if isinstance(target, Step):
            yield _Way((_What.runs, target.name), event.scope, target.place.scope)
        else:
            yield _Way((_What.event, target.name), event.scope, target.scope)


def _raised(step: Step) -> Iterator[Event]:
    """The events that a step brings about by how it ends, by what it finds out and by its members."""
    for events in step.triggers.values():
        yield from events
    if step.choice is not None:
        yield from (step.choice.holds, step.choice.fails)
    yield from (own.event for own in step.place.own)
    for tally in step.loop.tallies if step.loop is not None else ():
        yield from (tally.came, tally.never)


def _passed_on(plan: Plan, event: Event) -> Iterator[Event]:
    """The events outside a container, or about all of a level, that an event inside brings about."""
    container = plan.container_of.get(event.scope)
    if event.kind is EventKind.export and container is not None and container.loop is not None:
        yield container.loop.exports[event.name]
    elif event.kind is EventKind.ended:
        for events in plan.scopes[event.scope].outcomes.values():
            yield from events
