"""Why a step of a raw program was not reached at a sequence: the events it waits for, and what would bring them."""

from __future__ import annotations

from collections.abc import Iterator

from eventcore.define.plain import plain
from eventcore.define.sequence import enclosing
from eventcore.define.stored import StoredAssociation
from eventcore.define.tree import Tree, group_of
from visual.outline import in_words
from visual.reasons.known import Known, Reason, listed, passed
from visual.reasons.standing import why_nothing_starts

DEEPEST = 4  #: events behind events that are told of


def why_not_reached(known: Known, step: str, sequence: str | None) -> list[Reason]:
    """What keeps the step from being reached."""
    links = _leading(known, "step", step)
    if not links:
        return [Reason("event", "no association leads to it")]
    found: list[Reason] = []
    told: set[str] = set()
    for link in links:
        found += _link(known, link, sequence, told)
    if not known.facts:
        found.append(Reason("run", "no event has been triggered in the run so far"))
    return found + why_nothing_starts(known)


def sequences(known: Known, step: str) -> list[str]:
    """The sequences at which something that leads to the step has come, or else at which anything has."""
    events = {link.event for link in _leading(known, "step", step)}
    near = events | {atom for event in events for atom in _atoms(known.program.event_named[event].expr)}
    found = {sequence for event, sequence in known.facts if event in near}
    return sorted(found or {sequence for _, sequence in known.facts})


def _leading(known: Known, kind: str, name: str) -> list[StoredAssociation]:
    """The associations that lead to a step or an event."""
    return [link for link in known.program.associations if (link.kind, link.target) == (kind, name)]


def _link(known: Known, link: StoredAssociation, sequence: str | None, told: set[str]) -> Iterator[Reason]:
    """What an association waits for."""
    event = link.event
    if sequence is None or (event, sequence) not in known.facts:
        yield from _event(known, event, sequence, told, 1)
        return
    key = event, link.kind, link.target, sequence
    for delay in known.delays:
        if (delay.event, delay.kind, delay.target, delay.sequence) == key:
            text = f"event {event!r} came, but the delay of {link.delay:g} s {known.due(delay.due)}"
            yield Reason("delay", text)
            return
    yield Reason("event", f"event {event!r} came at {sequence}, but nothing has followed from it yet")


def _event(known: Known, name: str, sequence: str | None, told: set[str], depth: int) -> Iterator[Reason]:
    """Why an event has not come, and why what would bring it has not."""
    if name in told or depth > DEEPEST:
        return
    told.add(name)
    expr = known.program.event_named[name].expr
    where = "" if sequence is None else f" at {plain(sequence)}"
    if expr is not None:
        atoms = list(dict.fromkeys(_atoms(expr)))
        missing = [atom for atom in atoms if not _visible(known, atom, sequence)]
        came = [atom for atom in atoms if atom not in missing]
        yield Reason("event", f"event {name!r} holds when {in_words(expr)}; missing{where}: {listed(missing)}; "
                     f"came: {listed(came) or 'none'}")  # fmt: skip
        for atom in missing:
            yield from _event(known, atom, sequence, told, depth + 1)
        return
    bringers = list(_bringers(known, name, sequence))
    by_hand = "only the program's start, a step's own code or `sequent trigger` can trigger it"
    said = f": {listed(bringers) or by_hand}"
    yield Reason("event", f"event {name!r} has not been triggered{where}{said}")
    for link in _leading(known, "event", name):
        yield from _link(known, link, sequence, told)


def _bringers(known: Known, event: str, sequence: str | None) -> Iterator[str]:
    for step in known.program.steps:
        for status, events in step.triggers.items():
            if event in events:
                task = None if sequence is None else known.instance(step.name, sequence)
                is_here = task is not None and task.recovery >= known.run.counts_from
                stands = passed(task, known.run) if task is not None and is_here else "has not been reached"
                yield f"{plain(step.path)} {status} triggers it, but {plain(step.path)} {stands}"
    for link in _leading(known, "event", event):
        yield f"it follows {link.event!r}"


def _visible(known: Known, event: str, sequence: str | None) -> bool:
    """Whether the event came at the sequence, or at one that encloses it."""
    return sequence is not None and any((event, at) in known.facts for at in (sequence, *enclosing(sequence)))


def _atoms(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif (group := group_of(tree)) is not None:
        for part in group.parts:
            yield from _atoms(part)
