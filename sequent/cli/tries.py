"""The log files of a run's steps, in order, with the tries they belong to."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from eventcore.act.steplog import LogFolder
from eventcore.define.status import TaskStatus
from eventcore.define.stored import StoredProgram
from eventcore.record.reading import Reader
from eventcore.record.views import RunView
from sequent.cli.instances import Named
from sequent.cli.parameters import TargetError
from visual.instances import Instances

MOST_TASKS = 100_000


class Try(msgspec.Struct, frozen=True):
    """One try of an instance that has begun, and its log file, which exists only if the try wrote something."""

    path: str
    sequence: str
    recovery: int
    number: int
    status: TaskStatus
    file: Path
    name: str  #: the instance as users write it, with the items of the loops around it
    items: list[Any]  #: those items, as the store keeps them
    error: str | None  #: what a failed try said
    traceback: str | None

    @property
    def trouble(self) -> str:
        """The traceback of a failed try, or where there is none its error; else empty."""
        return (self.traceback or self.error or "").rstrip()

    @property
    def heading(self) -> str:
        """Whose log it is."""
        recovery = f"recovery {self.recovery}, " if self.recovery else ""
        return f"{self.name} ({recovery}try {self.number}, {self.status.value})"

    @property
    def size(self) -> int:
        """Bytes of the file, 0 where there is none that can be read."""
        return readable_size(self.file)


def readable_size(file: Path) -> int:
    """Bytes of a log, 0 where there is none that can be read."""
    try:
        about = file.stat()
    except OSError:
        return 0
    return about.st_size if stat.S_ISREG(about.st_mode) and os.access(file, os.R_OK) else 0


def log_folder(run: RunView) -> LogFolder:
    """Where the run's steps and its engine log; raises `TargetError` where it does not say."""
    logdir = run.origin.get("logdir")
    if not isinstance(logdir, str):
        raise TargetError(f"run {run.run_id!r} does not record where its steps log; look in its configured logdir")
    return LogFolder(logdir, run.program, run.run_id)


def loggers(program: StoredProgram) -> dict[str, str]:
    """The paths of the steps that can say something, by the kernel's names."""
    return {step.name: step.path for step in program.steps if step.function is not None}


def _parts(program: StoredProgram) -> dict[str, str]:
    """What setups, teardowns and conditions are, by the kernel's names: their logs are named after that."""
    return {step.name: step.role.part for step in program.steps if step.role.part}


def tries(reader: Reader, run: RunView, named: Named | None, number: int | None, *, failed: bool) -> list[Try]:
    """The tries of the run, in the order in which their tasks were reached; of those `named`, of one number, failed."""
    steps = loggers(reader.program(run))
    if named is not None:
        steps = {name: path for name, path in steps.items() if Named(named.path).covers(path, "")}
    return [
        found
        for found in _all(reader, run, steps)
        if (named is None or named.covers(found.path, found.sequence))
        and number in (None, found.number)
        and (not failed or found.status is TaskStatus.failure)
    ]


def _all(reader: Reader, run: RunView, steps: dict[str, str]) -> Iterator[Try]:
    folder = log_folder(run)
    ended = {(a.step, a.sequence, a.recovery, a.try_number): a for a in reader.attempts(run)}
    instances, parts = Instances(reader, run), _parts(reader.program(run))
    for task in reader.tasks(run, steps.keys(), time.time(), MOST_TASKS):
        if task.status is TaskStatus.skipped:
            continue
        path = steps[task.step]
        for number in range(1, task.try_number + 1):
            place = task.step, task.sequence, task.recovery
            attempt = ended.get((*place, number))
            if attempt is None and (
                number < task.try_number or task.started is None or task.status is TaskStatus.ready
            ):
                continue
            file = Path(folder.file(path, task.sequence, task.recovery, number, parts.get(task.step, "")))
            yield Try(
                path, task.sequence, task.recovery, number, task.status if attempt is None else attempt.status, file,
                instances.name(*place), instances.items(*place),
                None if attempt is None else attempt.error, None if attempt is None else attempt.traceback,
            )  # fmt: skip
