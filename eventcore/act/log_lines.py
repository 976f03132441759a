"""The log of a run: an observer that writes what an engine does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from eventcore.act.console import LINES, Style
from eventcore.act.observer import (
    AttemptFailed,
    Notice,
    Observer,
    ProgramChanged,
    RequestTaken,
    RunFinished,
    RunFoundOver,
    RunPaused,
    RunStopping,
    StoreCameBack,
    StoreWentAway,
    TaskEnded,
    TaskNotice,
    TaskSkipped,
    TaskStarted,
)
from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus, Verdict

log = logging.getLogger(LINES)

LEVELS: Mapping[type[Notice], int] = {
    TaskSkipped: logging.DEBUG,
    TaskStarted: logging.INFO,
    TaskEnded: logging.INFO,
    RunFinished: logging.ERROR,  # for a stalled run; everything else at INFO
    RunFoundOver: logging.WARNING,
    ProgramChanged: logging.WARNING,
    RequestTaken: logging.WARNING,
    RunPaused: logging.WARNING,
    RunStopping: logging.WARNING,
    StoreWentAway: logging.WARNING,
    StoreCameBack: logging.WARNING,
    AttemptFailed: logging.ERROR,  # at WARNING if another try follows
}


class LogLines(Observer):
    """Logs to `eventcore.lines`: steps and verdicts at INFO, failures at ERROR, what recovery skips at DEBUG.

    A failed try that another one follows is a WARNING of one line.
    """

    def __init__(self) -> None:
        self.kinds: Collection[type[Notice]] = [kind for kind, level in LEVELS.items() if log.isEnabledFor(level)]

    def notify(self, notice: Notice) -> None:
        """Write its line."""
        _WRITERS[type(notice)](_in_a_line(notice) if isinstance(notice, TaskNotice) else notice)


def _in_a_line(told: TaskNotice) -> TaskNotice:
    """The notice with names that are sure to be one line and no more than text."""
    if told.step.isprintable() and told.sequence.isprintable():
        return told
    return msgspec.structs.replace(told, step=plain(told.step), sequence=plain(told.sequence))


def _task_skipped(told: TaskSkipped) -> None:
    log.debug("%s@%s: done in recovery %d, skipped", told.step, told.sequence, told.done_in,
              extra=_short(told, f"done in recovery {told.done_in}, skipped", None))  # fmt: skip


def _task_started(told: TaskStarted) -> None:
    short = "started" if told.try_number == 1 else f"started, try {told.try_number}"
    log.info("[ Step %s/%s ] Trying to run", told.step, told.sequence, extra=_short(told, short, None, detail=True))


def _task_ended(told: TaskEnded) -> None:
    short, style = _ended(told)
    said_with_the_attempt = told.error is not None
    log.info("[ Step %s/%s ] Completed, status: %s", told.step, told.sequence, told.status,
             extra=_short(told, short, style, detail=None if said_with_the_attempt else False))  # fmt: skip


def _ended(told: TaskEnded) -> tuple[str, Style]:
    tries = f", try {told.try_number}" if told.try_number > 1 else ""
    if told.status is TaskStatus.success:
        return f"success{_took(told.started, told.at)}{tries}", "good"
    return (told.status.value, "bad" if told.status is TaskStatus.failure else "odd")


def _attempt_failed(told: AttemptFailed) -> None:
    reason = None if told.error is None else headline(told.error)
    if told.next_due is not None:
        outlook = f"; try {told.try_number + 1} in {max(0.0, told.next_due - told.at):.3g} s"
        short = f"failed{_took(told.started, told.at)}, try {told.try_number}: {reason}{outlook}"
        log.warning("Exception in step %s/%s, try %d: %s%s", told.step, told.sequence, told.try_number, reason, outlook,
                    extra={**_short(told, short, "odd", detail=True), "is_repeated": True})  # fmt: skip
        return
    trace = f"\n{told.traceback}" if told.traceback else ""
    tries = f", try {told.try_number}" if told.try_number > 1 else ""
    short = f"failed{_took(told.started, told.at)}{tries}: {reason}{trace.rstrip()}"
    log.error("Exception in step %s/%s, try %d: %s%s", told.step, told.sequence, told.try_number, reason, trace,
              extra=_short(told, short, "bad"))  # fmt: skip


def _request_taken(told: RequestTaken) -> None:
    asked = " ".join([told.verb, *(str(part) for part in told.argument.values() if part is not None)])
    log.warning("Requested: %s (%s)", plain(asked), plain(told.answer))


def _run_found_over(told: RunFoundOver) -> None:
    log.warning("Run %r is already over (%s), so nothing was done; %s", told.run_id, told.verdict, told.advice)


def _program_changed(told: ProgramChanged) -> None:
    log.warning("The program differs from the one stored with run %r: %s", told.run_id, plain(told.differences))


def _run_paused(_: RunPaused) -> None:
    log.warning("The run is paused: nothing new starts until it is resumed")


def _run_stopping(told: RunStopping) -> None:
    if told.running:
        steps, them = ("step", "it") if told.running == 1 else ("steps", "them")
        log.warning("Stopping: %d running %s may finish; press Ctrl-C again to end %s", told.running, steps, them)
    else:
        log.warning("Stopping: no step is running")


def _store_went_away(told: StoreWentAway) -> None:
    log.warning("Waiting up to %.0f s for the database, while steps that run go on: %s", told.patience, told.reason)


def _store_came_back(told: StoreCameBack) -> None:
    log.warning("The database is back after %.0f s", told.seconds)


def _run_finished(told: RunFinished) -> None:
    """The run's last line, after those for what was not reached or has stalled."""
    if told.interrupted:
        return
    for line in told.not_reached:
        log.info("Not reached: %s", plain(line))
    for line in told.stalled:
        log.error("Stalled: %s", plain(line))
    is_well = told.verdict in (Verdict.success, Verdict.pending)
    word = "success" if is_well else told.verdict.value
    short = f"finished: {told.verdict.value}{f', {told.outstanding} outstanding' if told.outstanding else ''}"
    log.info("Processing finished with: %s; outstanding tasks: %d", word, told.outstanding,
             extra={"short": short, "style": "good" if is_well else "bad"})  # fmt: skip


def _short(told: TaskNotice, said: str, style: Style | None, *, detail: bool | None = False) -> dict[str, object]:
    """What full lines say of the step, and short ones; those leave out a detail, and what has None there altogether."""
    return {
        "origin": f"Task-{told.step}({told.sequence})", "instance": f"{told.step}@{told.sequence}",
        "short": said, "style": style, "detail": detail,
    }  # fmt: skip


def _took(started: float | None, ended: float) -> str:
    """How long it took, in words."""
    if started is None:
        return ""
    seconds = max(0.0, ended - started)
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours:
        return f" in {hours} h {minutes % 60} min"
    return f" in {minutes} min {seconds % 60:.0f} s" if minutes else f" in {seconds:.1f} s"


_WRITERS: Mapping[type[Notice], Callable[[Any], None]] = {
    TaskSkipped: _task_skipped,
    TaskStarted: _task_started,
    TaskEnded: _task_ended,
    RunFinished: _run_finished,
    RunFoundOver: _run_found_over,
    ProgramChanged: _program_changed,
    RequestTaken: _request_taken,
    RunPaused: _run_paused,
    RunStopping: _run_stopping,
    StoreWentAway: _store_went_away,
    StoreCameBack: _store_came_back,
    AttemptFailed: _attempt_failed,
}
