"""Requests: what users ask of a run, recorded with who and when, whether an engine works on it or not.

Where an engine holds the run, it answers in the commit that has the request's effect. Where none does, pausing,
resuming and cancelling the run as a whole are done as soon as they are recorded; the rest waits for the engine that
continues the run. What would have no effect is recorded as refused. For reruns see `eventcore.record.reruns`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from eventcore.define.answer import FRESH, Answer, RequestStatus
from eventcore.define.program import Role
from eventcore.define.sequence import as_sequence
from eventcore.define.status import TaskStatus, Verdict
from eventcore.errors import RunNotFoundError
from eventcore.record import engines, identity, lease, waking
from eventcore.record.answering import settle
from eventcore.record.backend import backend_at
from eventcore.record.database import open_database, reported, transaction
from eventcore.record.pausing import open_cancel
from eventcore.record.refusals import program_of, refusal, verdict_of
from eventcore.record.schema import delays, facts, iterations, recoveries, requests, runs, tasks
from eventcore.record.verbs import CANCEL, COMPLETE, EMIT, PAUSE, RERUN, RESUME, SIGNAL, TRIGGER

LOOK = 0.05  #: seconds between looks whether a request is answered
TAKEN = requests.c.status == RequestStatus.taken.value

NO_ENGINE = "the engine that continues the run will see it"
CLEANUP = (
    "it has steps that clean up: the engine that continues the run runs these, and nothing else; cancelled once more, "
    "it ends without that"
)
NOT_YET = "its engine has not answered yet"
RECOVERED = "its engine ended before it could be cancelled, and the run has been recovered since"
ANEW = "the run has been recovered since, and has begun anew what this was for"
AT_ITS_END = "its engine will do it when the run ends"


class AskedRequest(msgspec.Struct, frozen=True):
    """A request that is not answered yet."""

    id: int
    verb: str
    argument: Mapping[str, Any]


def ask_store(location: str, run: int, verb: str, argument: Mapping[str, Any], patience: float) -> Answer:
    """Record a request, wake the run's engine where there is one, and wait so many seconds for its answer."""
    with reported(location):
        database = open_database(location, create=False)
        try:
            with database.connect() as connection:
                answer = ask(connection, run, verb, argument, time.time())
                deadline = time.monotonic() + (patience if answer.reason == NOT_YET else 0.0)
                while answer.status is RequestStatus.taken and time.monotonic() < deadline:
                    time.sleep(LOOK)
                    assert answer.request is not None
                    answer = answer_of(connection, answer.request, NOT_YET)
        finally:
            database.dispose()
    return answer


def ask(connection: Connection, run: int, verb: str, argument: Mapping[str, Any], now: float,
        *, is_held: bool | None = None) -> Answer:  # fmt: skip
    """Record a request, with its effect or its refusal where that is clear already.

    `is_held` says whether an engine works on the run, where the caller is that engine, or knows that there is none; by
    default its lease does.
    """
    with transaction(connection):
        row = connection.execute(select(runs).where(runs.c.id == run).with_for_update()).first()
        if row is None:
            raise RunNotFoundError("the run has been deleted from its store, so nothing can be asked of it any more")
        held = lease.is_held(row, *backend_at(connection).lease_times(connection, now)) if is_held is None else is_held
        argument = dict(argument)
        if verb == TRIGGER and argument.get("sequence") is None:
            argument |= {"sequence": fresh_sequence(connection, run), FRESH: True}
        reason = refusal(connection, row, verb, argument, now, held=held)
        status = RequestStatus.taken if reason is None else RequestStatus.refused
        if reason is None and not held and _is_done_at_once(connection, row, verb, argument):
            _do_at_once(connection, row, verb, now)
            status = RequestStatus.done
        request = insert_request(connection, run, verb, argument, status, reason, now)
    if held and is_held is None:
        waking.wake(row)
    elif row.submitted and not held:
        engines.wake_all(connection)
    if status is RequestStatus.taken:
        reason = _waits_for(verb, argument) if not held else AT_ITS_END if verb == RERUN else NOT_YET
    return Answer(request, row.run_id, verb, status, reason)


def insert_request(connection: Connection, run: int, verb: str, argument: Mapping[str, Any], status: RequestStatus,
                   reason: str | None, now: float) -> int:  # fmt: skip
    """Record a request as it stands, in the caller's transaction; returns its id."""
    made = connection.execute(
        insert(requests).values(
            run=run, verb=verb, argument=json.dumps(dict(argument)), asked_by=asker(), asked_at=now,
            status=status.value, reason=reason, answered_at=None if status is RequestStatus.taken else now,
        )
    )  # fmt: skip
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def leave(connection: Connection, run: int, now: float) -> None:
    """Answer what an engine that gives up the run has not taken up, as if asked now; in the engine's transaction."""
    row = connection.execute(select(runs).where(runs.c.id == run)).one()
    for request in pending(connection, run):
        reason = refusal(connection, row, request.verb, request.argument, now, held=False, but=request.id)
        if reason is not None:
            put_answer(connection, request.id, RequestStatus.refused, reason, now)
        elif _is_done_at_once(connection, row, request.verb, request.argument, but=request.id):
            _do_at_once(connection, row, request.verb, now)
            put_answer(connection, request.id, RequestStatus.done, None, now)


def settle_outdated(connection: Connection, run: int, recovery: int, now: float) -> None:
    """Answer what was asked about tasks of a recovery that is over; in the transaction with which the next one begins.

    What was answered while no engine was there counts; an engine that died has not cancelled or emitted anything.
    """
    for request in pending(connection, run):
        if request.verb in (COMPLETE, SIGNAL):
            program = program_of(connection, run, recovery)
            sequence = settle(connection, run, recovery, program, request.verb, request.argument, now)
            if sequence is not None:
                _note_sequence(connection, request, sequence)
                put_answer(connection, request.id, RequestStatus.done, None, now)
                continue
        if request.verb in (CANCEL, COMPLETE, EMIT, SIGNAL):
            reason = RECOVERED if request.verb == CANCEL else ANEW
            put_answer(connection, request.id, RequestStatus.refused, reason, now)


def _note_sequence(connection: Connection, request: AskedRequest, sequence: str) -> None:
    """Record which instance was answered, where the request named only its step."""
    argument = json.dumps({**request.argument, "sequence": sequence})
    connection.execute(update(requests).where(requests.c.id == request.id).values(argument=argument))


def put_answer(connection: Connection, request: int, status: RequestStatus, reason: str | None, now: float) -> None:
    """Answer a request that has no answer yet."""
    query = update(requests).where(requests.c.id == request, TAKEN)
    connection.execute(query.values(status=status.value, reason=reason, answered_at=now))


def asker() -> str:
    """Who asks, as requests record it."""
    return f"{identity.user()}@{identity.host()}"


def pending(connection: Connection, run: int) -> list[AskedRequest]:
    """The run's requests that are not answered yet, except reruns, in the order in which they were made."""
    query = select(requests).where(requests.c.run == run, TAKEN, requests.c.verb != RERUN).order_by(requests.c.id)
    return [AskedRequest(row.id, row.verb, json.loads(row.argument)) for row in connection.execute(query)]


def waiting(connection: Connection, run: int) -> set[int]:
    """The ids of those requests: a query so cheap that it can be made all the time."""
    query = select(requests.c.id).where(requests.c.run == run, TAKEN, requests.c.verb != RERUN)
    return set(connection.execute(query).scalars())


def is_any_open(connection: Connection, run: int) -> bool:
    """Whether the run has requests that are not answered yet, reruns included."""
    return connection.execute(select(requests.c.id).where(requests.c.run == run, TAKEN).limit(1)).first() is not None


def is_part_cancelled(connection: Connection, run: int, since: float) -> bool:
    """Whether users have cancelled a part of the run since then; the run may have succeeded nevertheless."""
    query = select(requests.c.argument).where(
        requests.c.run == run, requests.c.verb == CANCEL, requests.c.status == RequestStatus.done.value,
        requests.c.answered_at >= since,
    )  # fmt: skip
    return any(json.loads(argument) for (argument,) in connection.execute(query))


def answer_of(connection: Connection, request: int, waits_for: str = NO_ENGINE) -> Answer:
    """How a request stands; `waits_for` is the reason of one that is not answered yet."""
    query = select(requests, runs.c.run_id).join(runs, runs.c.id == requests.c.run).where(requests.c.id == request)
    row = connection.execute(query).one()
    status = RequestStatus(row.status)
    return Answer(row.id, row.run_id, row.verb, status, waits_for if status is RequestStatus.taken else row.reason)


def triggered(connection: Connection, run: int, upto: int) -> list[tuple[str, str]]:
    """What users have triggered, as events and sequences, in the order of their requests; in recoveries 0 to `upto`."""
    query = select(requests.c.argument).where(
        requests.c.run == run, requests.c.verb == TRIGGER, requests.c.status == RequestStatus.done.value
    )
    asked = [json.loads(text) for text in connection.execute(query.order_by(requests.c.id)).scalars()]
    wanted = [(argument["event"], as_sequence(argument["sequence"])) for argument in asked]
    found = select(facts.c.event, facts.c.sequence).where(
        facts.c.run == run, facts.c.recovery <= upto, facts.c.event.in_({event for event, _ in wanted})
    )
    raised = {(event, sequence) for event, sequence in connection.execute(found)} if wanted else set()
    return [one for one in wanted if one in raised]


def asked_sequences(connection: Connection, run: int) -> set[str]:
    """The new sequences at which users triggered something in the run, or asked to."""
    query = select(requests.c.argument).where(
        requests.c.run == run, requests.c.verb == TRIGGER, requests.c.status != RequestStatus.refused.value
    )
    asked = [json.loads(text) for text in connection.execute(query).scalars()]
    return {str(argument["sequence"]) for argument in asked if argument.get(FRESH)}


def fresh_sequence(connection: Connection, run: int) -> str:
    """A sequence at which no event of the run has been triggered or is to be."""
    number = backend_at(connection).leading_number(facts.c.sequence)
    numbers = select(func.max(number)).where(facts.c.run == run)
    asked = (
        json.loads(text)["sequence"]
        for text in connection.execute(
            select(requests.c.argument).where(requests.c.run == run, TAKEN, requests.c.verb == TRIGGER)
        ).scalars()
    )
    taken = [int(sequence) for sequence in asked if sequence.isascii() and sequence.isdigit()]
    return str(max(connection.execute(numbers).scalar() or 0, *taken, 0) + 1)


def _is_done_at_once(connection: Connection, run: Row[Any], verb: str, argument: Mapping[str, Any],
                     but: int | None = None) -> bool:  # fmt: skip
    """Whether the request needs no engine; steps that clean up do, unless the run is cancelled once more."""
    if verb != CANCEL or argument:
        return verb in (PAUSE, RESUME)
    cleans_up = any(step.survives for step in program_of(connection, run.id, run.recovery).steps)
    if not cleans_up or verdict_of(connection, run.id, run.recovery) is Verdict.submitted:
        return True
    return connection.execute(open_cancel(run.id, but)).first() is not None


def _waits_for(verb: str, argument: Mapping[str, Any]) -> str:
    return CLEANUP if verb == CANCEL and not argument else NO_ENGINE


def _do_at_once(connection: Connection, run: Row[Any], verb: str, now: float) -> None:
    """What the request changes beside its own row."""
    if verb != CANCEL:
        return
    query = update(recoveries).where(recoveries.c.run == run.id, recoveries.c.recovery == run.recovery)
    connection.execute(query.values(verdict=Verdict.cancelled.value, ended=now, report=None))
    _end(connection, run, now)
    for (request,) in connection.execute(open_cancel(run.id)).all():
        put_answer(connection, request, RequestStatus.done, None, now)


def _end(connection: Connection, run: Row[Any], now: float) -> None:
    """Cancel what waits in a run without an engine, and what was being walked.

    A task that its engine left active stays so, unless it was deferred: only the step's policy knows what that means.
    """
    steps = program_of(connection, run.id, run.recovery).steps
    containers = [step.name for step in steps if step.role is Role.container]
    is_open = (tasks.c.status == TaskStatus.ready.value) | (
        (tasks.c.status == TaskStatus.active.value) & (tasks.c.step.in_(containers) | tasks.c.ticket.is_not(None))
    )
    cancelled = {"status": TaskStatus.cancelled.value, "ended": now}
    task_over = {**cancelled, "ticket": None, "due": None}
    present = tasks.c.run == run.id, tasks.c.recovery == run.recovery
    connection.execute(update(tasks).where(*present, is_open).values(task_over))
    walked = iterations.c.run == run.id, iterations.c.recovery == run.recovery
    is_walked = iterations.c.status == TaskStatus.active.value
    connection.execute(update(iterations).where(*walked, is_walked).values(halted=True, **cancelled))
    waits = update(delays).where(delays.c.run == run.id, delays.c.recovery == run.recovery, delays.c.over == 0)
    connection.execute(waits.values(over=1))
