"""What a run left: its tasks and their results, read from its store at any time.

The database is imported when something is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from eventcore.act.system_clock import SystemClock
from eventcore.define.error_text import headline
from eventcore.define.passwords import withheld
from eventcore.define.program import Role
from eventcore.define.sequence import as_sequence, enclosing
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.suggestions import no_step, some_of
from eventcore.define.values import Content, decode, files_in
from eventcore.errors import ResultNotFoundError, StoreError

if TYPE_CHECKING:
    from eventcore.define.stored import StoredStep
    from eventcore.record.reading import Reader
    from eventcore.record.views import InstanceView, RunView


class HasPath(Protocol):
    """A step of a flow or of a program of the kernel."""

    @property
    def path(self) -> str:
        """The name that users see."""


StepNamed: TypeAlias = str | HasPath  #: a step, or its path
Reading: TypeAlias = Callable[[], "AbstractContextManager[Reader]"]


class TaskRecord(msgspec.Struct, frozen=True):
    """One instance of a step, as the latest recovery that reached it left it; times are UTC in seconds since 1970."""

    path: str  #: of the step
    sequence: str
    status: TaskStatus
    recovery: int  #: the recovery that reached it last
    tries: int  #: how many there were in that recovery
    started: float | None  #: None if it has not started
    ended: float | None  #: None if it is not over
    error: str | None  #: the error of its last try, if that failed
    traceback: str | None

    @property
    def instance(self) -> str:
        """Its name in messages and in the shell, `path@sequence`."""
        return f"{self.path}@{self.sequence}"

    @property
    def seconds(self) -> float | None:
        """How long it took, all tries and the waits between them included; None if it is not over."""
        return None if self.started is None or self.ended is None else self.ended - self.started


class StoredRun:
    """Reads one run; made by `stored_run`. Each method reads the run as it stands at that moment, even in progress."""

    def __init__(self, run_id: str, read: Reading) -> None:
        self.run_id = run_id
        self._read = read

    @property
    def verdict(self) -> Verdict:
        """How the run stands: `running` and `pending` are not the end of it."""
        with self._read() as reader:
            return self._run(reader).verdict

    def results(self, step: StepNamed) -> dict[str, Any]:
        """The results of all instances of a step that succeeded, by sequence, in the order of the loops.

        A step that returned nothing has the result None; a result that could not be stored is the text that was
        stored instead of it. An `UnknownValue` stands for each value whose codec is not registered. Raises `StoreError`
        for a value whose library or file is missing, and `ResultNotFoundError` for a step that the run does not have
        and for a container.
        """
        return self._results(step, None)

    def result(self, step: StepNamed, sequence: int | str | None = None) -> Any:
        """The result of the instance of a step at `sequence`, which can be left out if there is only one.

        Raises `ResultNotFoundError` if that instance has not succeeded, and names its error.
        """
        path, at = _path(step), None if sequence is None else as_sequence(sequence)
        found = self._results(step, at)
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise ResultNotFoundError(
                f"run {self.run_id!r}: step {path!r} has {len(found)} results; give a sequence, one of "
                f"{some_of(list(found))}, or get all with results"
            )
        tasks = [task for task in self.tasks(step) if at in (None, task.sequence)]
        told = ", ".join(_told(task) for task in tasks[:3]) or "it was not reached"
        named = path if at is None else f"{path}@{at}"
        raise ResultNotFoundError(f"run {self.run_id!r}: {named} has no result: {told}")

    def tasks(self, step: StepNamed | None = None) -> list[TaskRecord]:
        """The run's tasks, or those of one step, in the order in which they were reached; containers are among them.

        Raises `ResultNotFoundError` for a step that the run does not have.
        """
        with self._read() as reader:
            run = self._run(reader)
            if step is None:
                shown = {known.name: known.path for known in reader.program(run).visible()}
                found = reader.instances(run, limit=None)
            else:
                own = self._named(reader, run, _path(step))
                shown = {known.name: known.path for known in own}
                found = [task for known in own for task in reader.instances(run, step=known.name, limit=None)]
        known_tasks = [_record(task, shown[task.step]) for task in found if task.step in shown]
        return sorted(known_tasks, key=lambda task: task.started is None)

    def _run(self, reader: Reader) -> RunView:
        return reader.run(self.run_id, SystemClock().wall())

    def _named(self, reader: Reader, run: RunView, path: str) -> list[StoredStep]:
        """The steps of the kernel that users see under a path."""
        visible = reader.program(run).visible_at
        if path not in visible:
            raise ResultNotFoundError(f"run {self.run_id!r}: {no_step(path, list(visible))}")
        return visible[path]

    def _results(self, step: StepNamed, sequence: str | None) -> dict[str, Any]:
        from eventcore.record.backend import backend_at
        from eventcore.record.loop_order import numbers_of_keys

        path = _path(step)
        with self._read() as reader:
            run = self._run(reader)
            own = self._named(reader, run, path)
            name = next((known.name for known in own if known.role is not Role.container), None)
            if name is None:
                leaves = (known.path for known in reader.program(run).visible() if known.role is not Role.container)
                inside = list(dict.fromkeys(leaf for leaf in leaves if leaf.startswith(f"{path}/")))
                raise ResultNotFoundError(
                    f"run {self.run_id!r}: container {path!r} has no results; ask for those of a step inside it: "
                    f"{some_of(inside)}"
                )
            numbers = numbers_of_keys(reader.connection, run.id, reader.program(run).scopes_around(name))
            found = in_order(reader.results_of(run, name, sequence), numbers)
            file = partial(backend_at(reader.connection).kept_file, run.run_id)
            return {at: self._value(path, at, text, file) for at, text in found}

    def _value(self, path: str, sequence: str, text: str | None, file: Callable[[str], Content]) -> Any:
        try:
            if text is None:
                return None
            return decode(text, {name: file(name) for name in files_in(text)}, keep_unknown=True)
        except (StoreError, ValueError) as error:
            raise StoreError(f"run {self.run_id!r}: the result of {path}@{sequence} cannot be read: {error}") from None


def stored_run(store: str | Path, run_id: str | None = None) -> StoredRun:
    """What the run named by `run_id` left, or the user's latest run in the store at a path or URL.

    Raises `StoreError` if there is no such store or run, or if the store is in memory: a run there is read by the
    methods of its program object.

        run = eventcore.stored_run("nightly.run.db")
        for sequence, rows in run.results("days/load").items():
            print(sequence, rows)
    """
    return found_run(withheld(str(store)), run_id, None)


def found_run(location: str, run_id: str | None, program: str | None) -> StoredRun:
    """The named run, or the user's latest, of a program where one is named; raises `StoreError`."""
    from eventcore.record.reading import reading

    with reading(location) as reader:
        found = reader.run(run_id, SystemClock().wall(), program)
    return StoredRun(found.run_id, lambda: reading(location))


def in_order(found: list[tuple[str, str | None]], numbers: Mapping[str, int]) -> list[tuple[str, str | None]]:
    """Values by sequence, in the order of the loops: by the numbers of iterations, else by which key came first."""
    first: dict[str, int] = {}

    def place(pair: tuple[str, str | None]) -> tuple[tuple[int, int], ...]:
        places = list[tuple[int, int]]()
        for around in (*reversed(enclosing(pair[0])), pair[0]):
            key = around.rpartition(".")[2]
            number = numbers.get(around, int(key) if key.isascii() and key.isdigit() else None)
            places.append((1, first.setdefault(around, len(first))) if number is None else (0, number))
        return tuple(places)

    return sorted(found, key=place)


def _path(step: StepNamed) -> str:
    return step if isinstance(step, str) else step.path


def _record(task: InstanceView, path: str) -> TaskRecord:
    return TaskRecord(
        path, task.sequence, task.status, task.recovery, task.try_number, task.started, task.ended, task.error,
        task.traceback,
    )  # fmt: skip


def _told(task: TaskRecord) -> str:
    status = f"{task.instance} is {task.status.value}"
    return f"{status} ({headline(task.error)})" if task.error else status
