"""Parts of a raw program that can never run, found from its definitions alone.

Code may trigger any event while a program runs (`current().trigger`, `trigger_event`), so what is found here is worth a
warning, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventcore.define.event import Event
from eventcore.define.expression import And, Expression, Or
from eventcore.define.program import Program, Step


def warnings(program: Program, starts: Iterable[tuple[str, str]]) -> list[str]:
    """Steps that nothing leads to, events that nothing triggers, expressions that cannot hold, each as a sentence."""
    started = {event for event, _ in starts}
    sources = _sources(program)
    possible = _possible(program, started)
    if not started:
        found = ["nothing is triggered at the start, so nothing runs; call trigger_event before run"]
        return found + [text for text in _steps(program, set(program.events)) if "no association" in text]
    return [
        *_events(program, started | sources),
        *_expressions(program, possible),
        *_steps(program, possible),
    ]  # fmt: skip


def _sources(program: Program) -> set[str]:
    """The events that something in the program can trigger: an expression, an association, a step."""
    found = {event.name for event in program.events.values() if event.expr is not None}
    found |= {a.target.name for a in program.associations.values() if isinstance(a.target, Event)}
    return found | {event.name for step in program.steps.values() for event in _raised(step)}


def _raised(step: Step) -> Iterator[Event]:
    for events in step.triggers.values():
        yield from events


def _possible(program: Program, started: Iterable[str]) -> set[str]:
    """The events that can be triggered if every step can end in every way."""
    followers: dict[str, list[Event | Step]] = {}
    for association in program.associations.values():
        followers.setdefault(association.event.name, []).append(association.target)
    dependents: dict[str, list[Event]] = {}
    for event in program.events.values():
        for atom in program.atoms(event):
            dependents.setdefault(atom.name, []).append(event)
    found: set[str] = set()
    held: dict[int, int] = {}
    agenda = [name for name in started if name in program.events]
    while agenda:
        name = agenda.pop()
        if name in found:
            continue
        found.add(name)
        for target in followers.get(name, ()):
            agenda += [target.name] if isinstance(target, Event) else [event.name for event in _raised(target)]
        for event in dependents.get(name, ()):
            if event.name not in found and event.expr is not None and _holds(event.expr, found, held):
                agenda.append(event.name)
    return found


def _holds(tree: Expression, possible: set[str], held: dict[int, int]) -> bool:
    """Whether the expression can hold; `held` has how many first parts of each and were found to, which stay so."""
    if isinstance(tree, And):
        count = held.get(id(tree), 0)
        while count < len(tree.parts) and _holds(tree.parts[count], possible, held):
            count += 1
        held[id(tree)] = count
        return count == len(tree.parts)
    if isinstance(tree, Or):
        return any(_holds(part, possible, held) for part in tree.parts)
    return isinstance(tree, Event) and tree.name in possible


def _events(program: Program, triggered: set[str]) -> Iterator[str]:
    for name in program.events:
        if name not in triggered:
            yield f"event {name!r}: nothing triggers it; trigger it at the start or in a step, or map a status to it"


def _expressions(program: Program, possible: set[str]) -> Iterator[str]:
    for event in program.events.values():
        if event.expr is not None and event.name not in possible:
            missing = ", ".join(repr(atom.name) for atom in program.atoms(event) if atom.name not in possible)
            yield f"event {event.name!r}: its expression can never hold, because nothing triggers {missing}"


def _steps(program: Program, possible: set[str]) -> Iterator[str]:
    leading: dict[str, list[str]] = {}
    for association in program.associations.values():
        if isinstance(association.target, Step):
            leading.setdefault(association.target.name, []).append(association.event.name)
    for name in program.steps:
        events = leading.get(name)
        if events is None:
            yield f"step {name!r}: no association leads to it, so it never runs; add one with add_assoc"
        elif possible.isdisjoint(events):
            named = " and ".join(repr(event) for event in events)
            yield f"step {name!r}: it cannot be reached, because nothing triggers {named}"
