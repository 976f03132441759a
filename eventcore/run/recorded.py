"""What a program object can tell of its own run once it has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from eventcore.define.status import RunMode, Verdict
from eventcore.errors import RunHeldError, RunNotFoundError
from eventcore.run.stored_run import StepNamed, StoredRun, TaskRecord, found_run

if TYPE_CHECKING:
    from eventcore.record.reading import Reader
    from eventcore.record.store import Store
    from eventcore.run.request import Request
    from eventcore.run.session import Session


class Recorded:
    """What the object's own run left, even while it is running; raises `RunNotFoundError` before there is one.

    For what the answers mean see `eventcore.run.stored_run.StoredRun`.
    """

    name: str
    _location: str
    _memory: Store | None
    _session: Session | None

    def _present(self) -> Request:
        raise NotImplementedError

    def results(self, step: StepNamed) -> dict[str, Any]:
        """The results of all instances of a step (or its path) that succeeded, by sequence, in the order of the loops.

        Raises `ResultNotFoundError` for a step that the run does not have, and for a container.
        """
        return self._stored_run().results(step)

    def result(self, step: StepNamed, sequence: int | str | None = None) -> Any:
        """The result of the instance of a step at `sequence`, which can be left out if there is only one.

        Raises `ResultNotFoundError` if that instance has not succeeded, and names its error.
        """
        return self._stored_run().result(step, sequence)

    def tasks(self, step: StepNamed | None = None) -> list[TaskRecord]:
        """The run's tasks, or those of one step, in the order in which they were reached, with status and times."""
        return self._stored_run().tasks(step)

    @property
    def verdict(self) -> Verdict:
        """How the run stands; see `eventcore.define.status.Verdict`."""
        return self._stored_run().verdict

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open the store of its runs to read it; raises `StoreError`.

        A store in memory can only be read in the thread that uses it; elsewhere, `RunHeldError` is raised.
        """
        from eventcore.record.reading import reading
        from eventcore.record.registry import backend_of

        is_shared = backend_of(self._location).is_shared
        with reading(self._location) if is_shared else self._reading_memory() as reader:
            yield reader

    def _stored_run(self) -> StoredRun:
        from eventcore.record.registry import backend_of

        request = self._present()
        if request.mode is RunMode.restart and not request.is_entered:
            raise RunNotFoundError(
                f"this object of program {self.name!r} has not entered a run yet; call run first, or read a stored "
                "run with eventcore.stored_run(store, run_id)"
            )
        if not backend_of(self._location).is_shared:
            return StoredRun(request.run_id, self._reading_memory)
        return found_run(self._location, request.run_id or None, self.name)

    @contextmanager
    def _reading_memory(self) -> Iterator[Reader]:
        from eventcore.record.reading import Reader

        session = self._session
        if session is not None and not session.is_of_this_thread:
            raise RunHeldError(
                f"program {self.name!r} keeps its run in memory, where other threads cannot read it while it is "
                "running; wait until run returns, or keep the run in a file"
            )
        if self._memory is None:
            raise RunNotFoundError(
                f"program {self.name!r} kept its run in memory and is closed; read what you need before that, or keep "
                "the run in a file"
            )
        yield Reader(self._memory.connection, self._location)
