"""Which task let another start, by the program's dependencies and the recorded times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eventcore.define.sequence import enclosing
from eventcore.define.stored import StoredProgram
from eventcore.define.tree import Tree
from visual.outline import StepNode, flat_outline_of
from visual.report.critical import Moment, Span, decisive, moment_of

Before = Callable[[int], int | None]


def waits_of(program: StoredProgram, spans: Sequence[Span],
             facts: Callable[[], Iterable[tuple[str, str, float]]]) -> Before:  # fmt: skip
    """What tells, for the place of a span, the place of the span that let it start.

    `facts` are the events that came, as name, sequence and time; it is asked only where the program has some.
    """
    if not program.is_flow:
        return KernelWaits(program, spans, facts()).before
    return FlowWaits(program, spans, facts() if any(step.events for step in program.steps) else ()).before


class FlowWaits:
    """For flows: from `require`, nesting and loops.

    A step at depth n has n keys in its sequence, so the instance of an enclosing container is found by the sequence's
    first keys.
    """

    def __init__(self, program: StoredProgram, spans: Sequence[Span],
                 facts: Iterable[tuple[str, str, float]]) -> None:  # fmt: skip
        self._spans = spans
        self._facts = {(event, sequence): at for event, sequence, at in facts}
        nodes = flat_outline_of(program)
        self._nodes = {node.path: node for node in nodes}
        self._by_kernel = {name: node for node in nodes for name in node.kernel_names}
        self._at: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], int] = {}  #: in a container's instance, or in one iteration of it
        self._begun: dict[tuple[str, str], dict[str, float]] = {}  #: a container's instance: its iterations' starts
        self._in_order: dict[tuple[str, str], list[str]] = {}  #: a container's instance: its iterations as they began
        self._ranks: dict[tuple[str, str], dict[str, int]] = {}  #: the places of these in that
        self._over: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
        for place, span in enumerate(spans):
            self._at[span.step, span.sequence] = place
            self._enter(place, span)

    def before(self, place: int) -> int | None:
        """The span that let this one start; None for one that waited for nothing."""
        span = self._spans[place]
        node = self._by_kernel[span.step]
        is_body = node.body is not None and span.step == node.body.name
        moment = self._iteration(node, span.sequence) if is_body else self._before(node, span.sequence)
        return None if moment is None else moment.span

    def _enter(self, place: int, span: Span) -> None:
        node = self._by_kernel[span.step]
        if node.is_container or span.step != node.kernel_name:
            return
        keys = span.sequence.split(".")
        around = self._around(node)
        for depth, container in enumerate(around, 1):
            instance, iteration = ".".join(keys[:depth]), ".".join(keys[: depth + 1])
            for key in ((container, instance), (container, iteration)):
                if key not in self._last or self._spans[self._last[key]].ended <= span.ended:
                    self._last[key] = place
            starts = self._begun.setdefault((container, instance), {})
            starts[iteration] = min(span.started, starts.get(iteration, span.started))

    def _around(self, node: StepNode) -> list[str]:
        """The paths of what walks iterations around the step's function, the outermost first."""
        found = [] if node.body is None else [node.path]
        while node.parent is not None:
            node = self._nodes[node.parent]
            found.append(node.path)
        return found[::-1]

    def _before(self, node: StepNode, sequence: str) -> Moment | None:
        """What came last before the step could start: its requirement, or its container's iteration."""
        required = decisive(node.require, lambda leaf: self._came(leaf, sequence))
        if required is not None:
            return required
        return None if node.parent is None else self._iteration(self._nodes[node.parent], sequence)

    def _came(self, leaf: Mapping[str, Any], sequence: str) -> Moment | None:
        """When a clause's step, the instance that belongs to the sequence, came to the clause's status."""
        if "rest" in leaf:
            every = [self._came({"step": path, "status": "over"}, sequence) for path in leaf["of"]]
            return max((moment for moment in every if moment is not None), key=lambda moment: moment.at, default=None)
        if "back" in leaf:
            return self._carried(leaf, sequence)
        if "event" in leaf and "members" not in leaf:
            return self._emitted(leaf, sequence)
        path, status = leaf.get("step", leaf.get("members")), leaf["status"]
        if "members" in leaf and status not in ("ready", "active"):
            status = "over"
        node = self._nodes[path]
        at = ".".join(sequence.split(".")[: node.depth])
        place = self._at.get((node.step.name, at))
        if place is None:
            return None
        moment = moment_of(self._spans[place], place, status)
        inside = self._last.get((path, at))
        if moment is None or inside is None or status in ("ready", "active"):
            return moment
        return Moment(moment.at, inside)

    def _emitted(self, leaf: Mapping[str, Any], sequence: str) -> Moment | None:
        """When a step emitted the event that a clause asks for."""
        node = self._nodes[leaf["step"]]
        at = ".".join(sequence.split(".")[: node.depth])
        when = self._facts.get((node.step.events.get(leaf["event"], ""), at))
        return None if when is None else Moment(when, self._at.get((node.step.name, at)))

    def _carried(self, leaf: Mapping[str, Any], sequence: str) -> Moment | None:
        """When a step in an earlier iteration came to a status; without such a one, when the iteration itself began."""
        loop, keys = self._nodes[leaf["loop"]], sequence.split(".")
        instance, iteration = ".".join(keys[: loop.depth]), ".".join(keys[: loop.depth + 1])
        starts = self._begun.get((loop.path, instance), {})
        number = self._rank(loop.path, instance, iteration) - leaf["back"] if iteration in starts else -1
        if number < 0:
            return self._iteration(loop, iteration) or Moment(0.0, None)
        earlier = [self._in_order[loop.path, instance][number], *keys[loop.depth + 1 :]]
        return self._came({"step": leaf["step"], "status": leaf["status"]}, ".".join(earlier))

    def _iteration(self, container: StepNode, sequence: str) -> Moment | None:
        """What let an iteration begin: the end of another that made room for it, or what its container waited for."""
        instance = sequence.rpartition(".")[0]
        starts = self._begun.get((container.path, instance), {})
        if container.loop is not None and sequence in starts and len(starts) > container.step.concurrent:
            ends, places = self._ends(container.path, instance)
            earlier = bisect_right(ends, starts[sequence])
            if earlier and self._rank(container.path, instance, sequence) >= container.step.concurrent:
                return Moment(ends[earlier - 1], places[earlier - 1])
        return self._before(container, instance)

    def _ends(self, path: str, instance: str) -> tuple[list[float], list[int]]:
        """The ends of a container's iterations in their order, with the span that each ended with."""
        known = self._over.get((path, instance))
        if known is None:
            places = sorted(
                (self._last[path, iteration] for iteration in self._begun[path, instance]),
                key=lambda place: self._spans[place].ended,
            )
            known = self._over[path, instance] = [self._spans[place].ended for place in places], places
        return known

    def _rank(self, path: str, instance: str, sequence: str) -> int:
        """How many iterations began before this one."""
        ranks = self._ranks.get((path, instance))
        if ranks is None:
            starts = self._begun[path, instance]
            ordered = self._in_order[path, instance] = sorted(starts, key=starts.__getitem__)
            ranks = self._ranks[path, instance] = {iteration: rank for rank, iteration in enumerate(ordered)}
        return ranks[sequence]


class KernelWaits:
    """For raw programs: from triggers, expressions and associations.

    An event that no step is recorded to have raised was triggered from outside or, where a task ended in that very
    moment, by that task.
    """

    def __init__(self, program: StoredProgram, spans: Sequence[Span],
                 facts: Iterable[tuple[str, str, float]]) -> None:  # fmt: skip
        self._spans = spans
        self._facts = {(event, sequence): at for event, sequence, at in facts}
        self._ended = {span.ended: place for place, span in enumerate(spans)}
        self._at = {(span.step, span.sequence): place for place, span in enumerate(spans)}
        self._expressions = {event.name: event.expr for event in program.events}
        self._raised: dict[str, list[tuple[str, str]]] = {}  #: an event: the steps and statuses that raise it
        self._passed_on: dict[str, list[str]] = {}  #: an event: the events that are passed on to it
        self._reached: dict[str, list[str]] = {}  #: a step: the events that reach it
        for step in program.steps:
            for status, events in step.triggers.items():
                for name in events:
                    self._raised.setdefault(name, []).append((step.name, status))
        for link in program.associations:
            found = self._reached if link.kind == "step" else self._passed_on
            found.setdefault(link.target, []).append(link.event)

    def before(self, place: int) -> int | None:
        """The span that let this one start; None for one that waited for nothing."""
        span = self._spans[place]
        known: dict[str, Moment | None] = {}
        moments = [self._event(name, span.sequence, known) for name in self._reached.get(span.step, [])]
        first = min((m for m in moments if m is not None), key=lambda m: m.at, default=None)
        return None if first is None else first.span

    def _event(self, name: str, sequence: str, known: dict[str, Moment | None]) -> Moment | None:
        """When the event came at the sequence, by what the program says or else by the facts."""
        if name in known:
            return known[name]
        known[name] = None  # an event that waits for itself does not come that way
        moments = [self._raised_by(step, status, sequence) for step, status in self._raised.get(name, [])]
        moments += [self._event(earlier, sequence, known) for earlier in self._passed_on.get(name, [])]
        if (tree := self._expressions.get(name)) is not None:
            moments.append(decisive(_leaves(tree), lambda leaf: self._event(leaf["event"], sequence, known)))
        came = [m for m in moments if m is not None]
        known[name] = min(came, key=lambda m: m.at) if came else self._fact(name, sequence)
        return known[name]

    def _fact(self, name: str, sequence: str) -> Moment | None:
        for at in (sequence, *enclosing(sequence)):
            if (when := self._facts.get((name, at))) is not None:
                return Moment(when, self._ended.get(when))
        return None

    def _raised_by(self, step: str, status: str, sequence: str) -> Moment | None:
        for at in (sequence, *enclosing(sequence)):
            if (place := self._at.get((step, at))) is not None:
                return moment_of(self._spans[place], place, status)
        return None


def _leaves(tree: Tree) -> dict[str, Any]:
    """An expression over event names, each name as a mapping."""
    if isinstance(tree, str):
        return {"event": tree}
    word, parts = next(iter(tree.items()))
    return {word: [_leaves(part) for part in parts]}
