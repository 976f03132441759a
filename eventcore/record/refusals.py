"""Why a request would have no effect, as far as the store alone can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from eventcore.define.answer import FRESH
from eventcore.define.event import EventKind
from eventcore.define.sequence import as_sequence
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredProgram, read
from eventcore.define.suggestions import SHOWN, no_instance, no_step, some_of
from eventcore.errors import ProgramError
from eventcore.record.answering import no_completion, no_signal
from eventcore.record.pausing import is_paused, open_cancel
from eventcore.record.schema import facts, programs, recoveries, tasks
from eventcore.record.verbs import CANCEL, COMPLETE, PAUSE, RERUN, RESUME, SIGNAL, TRIGGER


def refusal(connection: Connection, run: Row[Any], verb: str, argument: Mapping[str, Any], now: float,
            *, held: bool, but: int | None = None) -> str | None:  # fmt: skip
    """Why the request can have no effect; None if it can have one. `but` is its own id, where it is recorded already.

    If an engine holds the run, only what the program does not have is refused here: the engine knows the rest.
    """
    if verb == TRIGGER:
        return _no_trigger(connection, run, argument, held=held)
    if verb == RERUN:
        return _no_rerun(connection, run, argument, held=held)
    if verb == COMPLETE:
        return no_completion(connection, run, program_of(connection, run.id, run.recovery), argument, now, held, but)
    if verb == SIGNAL:
        return no_signal(connection, run, program_of(connection, run.id, run.recovery), argument, now, held, but)
    if verb == CANCEL and argument and (reason := _no_step(connection, run, argument["path"])) is not None:
        return reason
    return None if held else _no_steering(connection, run, verb, argument, but)


def _no_steering(connection: Connection, run: Row[Any], verb: str, argument: Mapping[str, Any],
                 but: int | None) -> str | None:  # fmt: skip
    verdict = verdict_of(connection, run.id, run.recovery)
    paused = is_paused(connection, run.id)
    if verb == RESUME:
        return None if paused else "the run is not paused"
    if not verdict.is_open:
        return f"the run is already over: {verdict.value}"
    if verb == PAUSE:
        return "the run is already paused" if paused else None
    if verb == CANCEL and argument:
        return _no_instance(connection, run, argument["path"], argument.get("sequence"))
    if verb == CANCEL and but is not None and connection.execute(open_cancel(run.id, but)).first() is not None:
        return "the run is already being cancelled"
    return None


def _no_step(connection: Connection, run: Row[Any], path: str) -> str | None:
    """That the program does not have the step, and which it has."""
    paths = list(dict.fromkeys(step.path for step in program_of(connection, run.id, run.recovery).visible()))
    return None if path in paths else no_step(path, paths)


def _no_instance(connection: Connection, run: Row[Any], path: str, sequence: str | None) -> str | None:
    """Why no instance of a step of the program can be cancelled."""
    program = program_of(connection, run.id, run.recovery)
    known = [step.name for step in program.visible() if step.path == path]
    query = select(tasks.c.step).where(
        tasks.c.run == run.id, tasks.c.recovery == run.recovery, tasks.c.step.in_(known),
        tasks.c.status.in_([TaskStatus.ready.value, TaskStatus.active.value]),
    )  # fmt: skip
    if sequence is not None:
        query = query.where(tasks.c.sequence == sequence)
    found = connection.execute(query.limit(1)).first()
    return None if found is not None else f"no instance of {_named(path, sequence)} is ready or active"


def _no_trigger(connection: Connection, run: Row[Any], argument: Mapping[str, Any], *, held: bool) -> str | None:
    event = argument["event"]
    known = program_of(connection, run.id, run.recovery).event_named
    if event not in known:
        shown = [name for name, found in known.items() if found.kind is EventKind.public]
        return f"the program has no event {event!r}; it has {some_of(shown) or 'none that can be triggered'}"
    if known[event].kind is not EventKind.public:
        return f"event {event!r} is internal; only the engine triggers it"
    try:
        sequence = as_sequence(argument["sequence"])
    except ProgramError as error:
        return str(error)
    if held or argument.get(FRESH):
        return None
    query = select(facts.c.event).where(
        facts.c.run == run.id, facts.c.recovery == run.recovery, facts.c.event == event, facts.c.sequence == sequence
    )
    found = connection.execute(query.limit(1)).first()
    return None if found is None else f"event {event!r} has already been triggered at {sequence}"


def _no_rerun(connection: Connection, run: Row[Any], argument: Mapping[str, Any], *, held: bool) -> str | None:
    path, sequence = argument["path"], argument.get("sequence")
    if (reason := _no_step(connection, run, path)) is not None:
        return reason
    program = program_of(connection, run.id, run.recovery)
    query = select(tasks.c.step).where(tasks.c.run == run.id, is_of(program, path, sequence)).limit(1)
    if held or connection.execute(query).first() is not None:
        return None
    own = [step.name for step in program.steps if step.path == path]
    query = select(tasks.c.sequence).where(tasks.c.run == run.id, tasks.c.step.in_(own))
    query = query.group_by(tasks.c.sequence).order_by(func.min(tasks.c.created)).limit(SHOWN + 1)
    return no_instance(path, sequence, list(connection.execute(query).scalars()))


def is_of(program: StoredProgram, path: str, sequence: str | None) -> ColumnElement[bool]:
    """Whether a task is an instance of the step at a path, or inside one."""
    own = [step for step in program.steps if step.path == path]
    scopes = [step.inside for step in own if step.inside is not None]
    for scope in scopes:
        scopes += [step.inside for step in program.members[scope] if step.inside is not None]
    inside = tasks.c.step.in_([step.name for step in own]) | tasks.c.scope.in_(scopes)
    if sequence is None:
        return inside
    below = tasks.c.sequence.startswith(f"{sequence}.", autoescape=True)
    return inside & or_(tasks.c.sequence == sequence, below)


def _named(path: str, sequence: str | None) -> str:
    return path if sequence is None else f"{path}@{sequence}"


def verdict_of(connection: Connection, run: int, recovery: int) -> Verdict:
    """How a recovery stands."""
    query = select(recoveries.c.verdict).where(recoveries.c.run == run, recoveries.c.recovery == recovery)
    return Verdict(connection.execute(query).scalar_one())


def program_of(connection: Connection, run: int, recovery: int) -> StoredProgram:
    """The program that a recovery executes."""
    query = (
        select(programs.c.document)
        .join(recoveries, recoveries.c.program_id == programs.c.id)
        .where(recoveries.c.run == run, recoveries.c.recovery == recovery)
    )
    return read(connection.execute(query).scalar_one())
