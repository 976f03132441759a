"""What depends on the end of steps: all that follows from it, also in later iterations of loops.

It is a walk over the plan: from the end of a step through events to the steps that these lead to, with the insides of
containers, and to the steps that take its result in a later iteration. Containers around a step end because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TypeAlias

from eventcore.decide.plan import Plan
from eventcore.define.event import Event, EventKind
from eventcore.define.program import Step

#: how a step depends on another: `SAME`, in iterations that belong together, or in a later iteration of these scopes
Ways: TypeAlias = frozenset[str]
SAME = ""


class _What(Enum):
    event = "an event is triggered"
    runs = "a step is reached"
    ends = "a step ends"


_Node: TypeAlias = tuple[_What, str]


def dependents(plan: Plan, names: Iterable[str]) -> Mapping[str, Ways]:
    """The steps that depend on the ends of the named ones, and in which ways."""
    readers = _readers(plan)
    reached: dict[_Node, Ways] = {}
    agenda: list[tuple[_Node, Ways]] = [((_What.ends, name), frozenset({SAME})) for name in names]
    while agenda:
        node, ways = agenda.pop()
        known = reached.get(node, frozenset())
        if ways <= known:
            continue
        reached[node] = ways = ways | known
        later = ways - {SAME}
        for following, scope in _following(plan, readers, node):
            agenda.append((following, ways if scope is None else later | {scope}))
    return {name: ways for (what, name), ways in reached.items() if what is _What.runs}


def _readers(plan: Plan) -> Mapping[str, list[tuple[str, str]]]:
    """The steps that take results of earlier iterations, with the loop's scope, by the step whose result it is."""
    found: dict[str, list[tuple[str, str]]] = {}
    for step in plan.steps.values():
        for earlier in step.place.earlier:
            found.setdefault(earlier.step, []).append((step.name, earlier.scope))
    return found


def _following(
    plan: Plan, readers: Mapping[str, list[tuple[str, str]]], node: _Node
) -> Iterator[tuple[_Node, str | None]]:
    what, name = node
    if what is _What.event:
        yield from _after_event(plan, plan.events[name])
        return
    step = plan.steps[name]
    if what is _What.runs:
        yield (_What.ends, name), None
        if step.loop is not None:
            inside = (one.name for one in plan.members.get(step.loop.scope.name, ()))
            yield from (((_What.runs, one), None) for one in (*inside, step.loop.items) if one is not None)
        return
    yield from (((_What.event, event.name), None) for event in _raised(step))
    yield from (((_What.runs, reader), scope) for reader, scope in readers.get(name, ()))
    if (container := plan.container_of.get(step.place.scope)) is not None:
        yield (_What.ends, container.name), None


def _after_event(plan: Plan, event: Event) -> Iterator[tuple[_Node, str | None]]:
    for dependent in (*plan.dependents.get(event.name, ()), *_passed_on(plan, event)):
        yield (_What.event, dependent.name), None
    for container, one in plan.carried_from.get(event.name, ()):
        assert container.loop is not None
        for into in (one.into, one.never_into):
            if into is not None:
                yield (_What.event, into.name), container.loop.scope.name
    for association in plan.followers.get(event.name, ()):
        is_step = isinstance(association.target, Step)
        yield (_What.runs if is_step else _What.event, association.target.name), None


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
