"""Answers to deferred tasks and waits: why one is refused, as far as the store can tell, and who gave which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from eventcore.define.answer import RequestStatus
from eventcore.define.program import Role
from eventcore.define.status import TaskStatus
from eventcore.define.stored import StoredProgram
from eventcore.define.suggestions import no_step, some_of
from eventcore.record.schema import requests, results, tasks
from eventcore.record.verbs import COMPLETE, SIGNAL
from eventcore.record.views import RunView

TIMED_OUT = "its time was up before this came"
TWICE = "it has been answered already; the engine that continues the run will see that"


class OpenAnswer(NamedTuple):
    """An answer that no engine has seen yet; without a sequence it is for the only instance that waits."""

    path: str
    sequence: str | None
    by: str
    at: float

    def is_for(self, path: str, sequence: str) -> bool:
        """Whether it answers an instance that waits."""
        return self.path == path and self.sequence in (None, sequence)


def no_completion(connection: Connection, run: Row[Any], program: StoredProgram, argument: Mapping[str, Any],
                  now: float, held: bool, but: int | None) -> str | None:  # fmt: skip
    """Why a ticket cannot be used; None where it can, or where the run's engine has to tell."""
    path, sequence = argument["path"], argument["sequence"]
    names = [step.name for step in program.steps if step.path == path and step.role in (Role.action, Role.body)]
    row = connection.execute(
        select(tasks.c.status, tasks.c["try"], tasks.c.ticket, tasks.c.due, tasks.c.deadline).where(
            tasks.c.run == run.id, tasks.c.recovery == argument["recovery"], tasks.c.step.in_(names),
            tasks.c.sequence == sequence,
        )
    ).first()  # fmt: skip
    if row is None:
        return f"the run has no task {path}@{sequence}; the ticket is not one of its tickets"
    if run.recovery != argument["recovery"]:
        return "the run has been recovered since, and the step runs again with another ticket"
    status, number, ticket, *ends = row
    if TaskStatus(status).is_over or number != argument["try"]:
        return "nothing waits for this ticket any more: the try that it was for has ended"
    if ticket is None:
        return None if held else "the try that it was for was lost with its engine; the step will run again"
    if ticket != argument["ticket"]:
        return "this is not the ticket of that try"
    due = min((end for end in ends if end is not None), default=None)
    return _untimely(connection, run, COMPLETE, argument, due, now, held, but)


def no_signal(connection: Connection, run: Row[Any], program: StoredProgram, argument: Mapping[str, Any],
              now: float, held: bool, but: int | None) -> str | None:  # fmt: skip
    """Why a signal answers nothing; None where it does, or where the run's engine has to tell."""
    path, sequence = argument["path"], argument.get("sequence")
    waits = [step for step in program.steps if step.role is Role.wait]
    name = next((step.name for step in waits if step.path == path), None)
    if name is None and any(step.path == path for step in program.visible()):
        known = some_of([step.path for step in waits])
        return f"step {path!r} is not a wait; {f'the waits are {known}' if known else 'the program has none'}"
    if name is None:
        return no_step(path, [step.path for step in program.visible()])
    if held:
        return None
    query = select(tasks.c.sequence, tasks.c.due).where(
        tasks.c.run == run.id, tasks.c.recovery == run.recovery, tasks.c.step == name,
        tasks.c.status == TaskStatus.active.value,
    )  # fmt: skip
    if sequence is not None:
        query = query.where(tasks.c.sequence == sequence)
    found = connection.execute(query.limit(6)).all()
    if len(found) > 1:  # those that were answered meanwhile do not wait any more
        answered = _signalled(connection, run, path, but)
        found = connection.execute(query.where(tasks.c.sequence.not_in(answered)).limit(6)).all()
        if not found:
            return TWICE
    if not found:
        where = path if sequence is None else f"{path}@{sequence}"
        return f"{where} is not waiting for a signal; `sequent why` says how it stands"
    if len(found) > 1:
        return f"several instances of {path} are waiting; name one of {', '.join(f'{path}@{at}' for at, _ in found)}"
    return _untimely(connection, run, SIGNAL, {**argument, "sequence": found[0].sequence}, found[0].due, now, held, but)


def settle(connection: Connection, run: int, recovery: int, program: StoredProgram, verb: str,
           argument: Mapping[str, Any], now: float) -> str | None:  # fmt: skip
    """Record an answer that no engine took up as the success of its task, in a recovery that is over.

    So the next recovery skips the task. Returns the task's sequence; None for an error, after which the task runs
    again, and where nothing waits.
    """
    roles = (Role.wait,) if verb == SIGNAL else (Role.action, Role.body)
    names = [step.name for step in program.steps if step.path == argument["path"] and step.role in roles]
    waiting = select(tasks.c.step, tasks.c.sequence).where(
        tasks.c.run == run, tasks.c.recovery == recovery, tasks.c.step.in_(names),
        tasks.c.status == TaskStatus.active.value, tasks.c.ticket == argument.get("ticket", SIGNAL),
    )  # fmt: skip
    if argument.get("sequence") is not None:
        waiting = waiting.where(tasks.c.sequence == argument["sequence"])
    found = connection.execute(waiting.limit(2)).all()
    if len(found) != 1 or argument.get("error") is not None:
        return None
    key = {"run": run, "sequence": found[0].sequence, "step": found[0].step, "recovery": recovery}
    done = {"status": TaskStatus.success.value, "ended": now, "due": None, "ticket": None}
    connection.execute(update(tasks).where(*(tasks.c[name] == value for name, value in key.items())).values(done))
    if argument.get("value") is not None:
        connection.execute(insert(results).values(**key, value=argument["value"]))
    return str(found[0].sequence)


def answers(connection: Connection, run: RunView, program: StoredProgram) -> dict[tuple[str, str], tuple[str, float]]:
    """Who answered which instance of a wait or of a deferred step last, and when: by path and sequence.

    One that waits again, for another answer, is left out.
    """
    found = _given(connection, run, RequestStatus.done)
    given = {(said["path"], said["sequence"]): (by, at) for said, by, at in found}
    if not given:
        return {}
    waiting = select(tasks.c.step, tasks.c.sequence).where(
        tasks.c.run == run.id, tasks.c.recovery == run.recovery, tasks.c.status == TaskStatus.active.value,
        tasks.c.ticket.is_not(None),
    )  # fmt: skip
    known = program.step_named
    again = {(known[name].path, at) for name, at in connection.execute(waiting) if name in known}
    return {place: told for place, told in given.items() if place not in again}


def open_answers(connection: Connection, run: RunView) -> list[OpenAnswer]:
    """The answers to waits and deferred steps that no engine has seen yet, in the order in which they were given."""
    found = _given(connection, run, RequestStatus.taken)
    return [OpenAnswer(said["path"], said.get("sequence"), by, at) for said, by, at in found]


def _given(connection: Connection, run: RunView, status: RequestStatus) -> list[tuple[dict[str, Any], str, float]]:
    """What was asked with the answers that have a status, by whom and when."""
    query = select(requests.c.argument, requests.c.asked_by, requests.c.asked_at).where(
        requests.c.run == run.id, requests.c.verb.in_([SIGNAL, COMPLETE]), requests.c.status == status.value
    )
    return [(json.loads(text), by, at) for text, by, at in connection.execute(query.order_by(requests.c.id))]


def _untimely(connection: Connection, run: Row[Any], verb: str, argument: Mapping[str, Any], due: float | None,
              now: float, held: bool, but: int | None) -> str | None:  # fmt: skip
    """Why an answer comes too late: another one came before, or the time is up while no engine was there to say so."""
    if not held and due is not None and due <= now and but is None:
        return TIMED_OUT
    for other, said in _taken(connection, run, verb):
        is_same = said["path"] == argument["path"] and said.get("sequence") in (None, argument["sequence"])
        is_same = is_same and said.get("ticket") == argument.get("ticket")
        if is_same and (but is None or other < but):
            return TWICE
    return None


def _signalled(connection: Connection, run: Row[Any], path: str, but: int | None) -> list[str]:
    """The instances of a wait whose signals no engine has taken up yet."""
    said = [one for number, one in _taken(connection, run, SIGNAL) if but is None or number < but]
    return [one["sequence"] for one in said if one["path"] == path and one.get("sequence") is not None]


def _taken(connection: Connection, run: Row[Any], verb: str) -> list[tuple[int, dict[str, Any]]]:
    """The requests of a verb that no engine has taken up yet, with what they name."""
    query = select(requests.c.id, requests.c.argument).where(
        requests.c.run == run.id, requests.c.verb == verb, requests.c.status == RequestStatus.taken.value
    )
    return [(number, json.loads(text)) for number, text in connection.execute(query)]
