"""`Eventor`: build a program from events, steps and associations, and run it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from eventcore.act.executors.choose import canonical
from eventcore.act.steplog import installed
from eventcore.capture import current_capture
from eventcore.config import Config, StepConfig, load_config, step_config
from eventcore.document import document_of
from eventcore.errors import ProgramError
from eventcore.program import Event, Program, Step
from eventcore.record.location import MEMORY, store_location
from eventcore.record.store import Store, opened
from eventcore.sequence import as_sequence
from eventcore.session import Request, Session
from eventcore.status import RunMode

log = logging.getLogger("eventcore")

_UNSET: Any = object()


class Eventor:
    """A program of events, steps and associations, and its run.

    Arguments, all optional:

    - `name`: of the program; runs are found by it. Default: the name of the calling module.
    - `store`: a database tag of the config, a path, `:memory:` or a URL. Default: `<module>.run.db` beside the program.
    - `run_mode`: a new run (`restart`), or the latest one, or the one named by `run_id`, recovered or continued.
    - `recovery_run`: recover as if the recoveries after this one had not been.
    - `run_id`: names the run; generated for a new one.
    - `shared_db`, `logging_level`: as the config keys of these names.
    - `config`: a mapping or the path of a YAML file, see `eventcore.config.Config`.
    - `accept_removed`: recover also when the program lost a step that the run has history of.

    Raises `ConfigError` and `StoreError` for what cannot be used.
    """

    def __init__(
        self,
        name: str = "",
        store: str | Path = "",
        run_mode: RunMode = RunMode.restart,
        recovery_run: int | None = None,
        run_id: str = "",
        shared_db: bool | None = None,
        logging_level: int | str | None = None,
        config: Mapping[str, Any] | str | Path | None = None,
        accept_removed: bool = False,
    ) -> None:
        self._file = calling_file()
        capture = current_capture()
        if capture is not None and capture.file is not None:
            self._file = str(capture.file)
        given = {"shared_db": shared_db, "logging_level": logging_level}
        overrides = {key: value for key, value in given.items() if value is not None}
        self._config = self._checked(load_config(config, overrides, self._config_tag))
        self._program = Program(name or (Path(self._file).stem if self._file else "program"))
        self._request = Request(RunMode(run_mode), run_id, recovery_run, accept_removed)
        self._location = store_location(store, self._config.DATABASE, self._file)
        self._starts: dict[tuple[str, str], None] = {}
        self._fresh = 0
        self._session: Session | None = None
        self._memory: Store | None = None
        self._last_todos: tuple[int, float | None] = (0, None)

    _config_tag = "EVENTOR"

    # the program

    @property
    def name(self) -> str:
        """The program's name."""
        return self._program.name

    @property
    def run_id(self) -> str:
        """The run's id: as given, or as generated when the run was made; empty before that."""
        return self._request.run_id

    @property
    def store(self) -> str:
        """Where the run is kept."""
        return self._location

    @property
    def config(self) -> Config:
        """The configuration that holds for the program."""
        return self._config

    def add_event(self, name: str, expr: Any = None) -> Event:
        """Declare an event, unique by its name.

        With `expr`, it is triggered at every sequence at which the expression holds: an event, a tuple or list (and),
        `or_(...)`, `and_(...)`, `&`, `|`, nested to any depth. Raises `ProgramError`.
        """
        return self._program.add_event(name, expr)

    def add_step(
        self,
        name: str,
        func: Callable[..., Any] | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] = {},
        triggers: Mapping[Any, Any] = {},
        acquires: Iterable[Any] = (),
        releases: Iterable[Any] | None = None,
        recovery: Mapping[Any, Any] = {},
        config: Mapping[str, Any] = {},
    ) -> Step:
        """Declare a step, unique by its name: `func(*args, **kwargs)`, or nothing to do where `func` is None.

        `triggers` maps a `StepStatus` to the events to raise, `recovery` one to a `StepReplay`; `acquires` and
        `releases` (default: what was acquired) are pairs of `ResourcePool` and count; `config` may set what
        `eventcore.config.StepConfig` has. Raises `ProgramError` and `ConfigError`.
        """
        own = self._step_config(step_config(config, name), func, name)
        return self._program.add_step(name, func, args, kwargs, triggers, acquires, releases, recovery, own)

    def add_assoc(self, event: Event, *assocs: Event | Step, delay: float = 0) -> None:
        """When `event` is triggered, engage `assocs` at the same sequence, after `delay` seconds."""
        self._program.add_assoc(event, assocs, delay)

    def trigger_event(self, event: Event | str, sequence: object = None) -> str:
        """Trigger an event at a sequence, by default a fresh one; once it is triggered there, again does nothing.

        Before `run`, it is part of the program's start. While the program runs, also from another thread, it is taken
        up at once. Returns the sequence.
        """
        name = event if isinstance(event, str) else event.name
        if name not in self._program.events:
            raise ProgramError(f"trigger_event: the program has no event {name!r}")
        at = self._fresh_sequence() if sequence is None else as_sequence(sequence)
        self._starts[name, at] = None
        if self._session is not None:
            self._session.trigger(name, at)
        return at

    def _fresh_sequence(self) -> str:
        taken = {sequence for _, sequence in self._starts}
        while True:
            self._fresh += 1
            if str(self._fresh) not in taken:
                return str(self._fresh)

    # the run

    def run(
        self,
        max_loops: int = -1,
        *,
        store: str | Path | None = None,
        run_mode: RunMode | None = None,
        recovery_run: int | None = None,
        run_id: str | None = None,
        shared_db: bool | None = None,
        logging_level: int | str | None = None,
        config: Mapping[str, Any] | str | Path | None = None,
        accept_removed: bool | None = None,
    ) -> bool:
        """Run the program; True while nothing unhandled has failed and nothing is stalled.

        `max_loops` -1: until nothing is left, pending delays included; n: n passes, each until nothing can be done
        without waiting for a delay. The other arguments stand in for the constructor's. Called again without
        `run_mode`, it goes on with the same run. Raises `EventcoreError`s for what makes running impossible.
        """
        capture = current_capture()
        if capture is not None:
            capture.take(self)
        self._override(store, shared_db, logging_level, config)
        self._request = self._request.changed(run_mode, run_id, recovery_run, accept_removed)
        document = document_of(self._program, self._outline())
        opened_store = self._open()
        try:
            assert isinstance(self._config.logging_level, int)
            with installed(self._config.logging_level, console=self._config.console):
                log.info("Eventor store file: %s", self._location)
                self._session = Session(self._program, self._config, opened_store, self._source())
                try:
                    return self._session.run(self._request, document, self._starts, max_loops)
                finally:
                    self._request = self._session.entered(self._request)
                    self._session = None
        finally:
            self._close_store(opened_store)

    __call__ = run

    def count_todos(self) -> tuple[int, float | None]:
        """How much is outstanding, and the seconds to the next due delay or None; before, during and after a run.

        Outstanding are tasks that were reached and are not over, delays on their way and, before the run, the start
        triggers.
        """
        session = self._session
        if session is not None and (known := session.todos()) is not None:
            return known
        if not self._request.is_entered and self._request.mode is RunMode.restart:
            return len(self._starts), None
        if self._location == MEMORY and self._memory is None:
            return self._last_todos
        opened_store = self._open()
        try:
            total, due = Session(self._program, self._config, opened_store, None).stored_todos(self._request)
        finally:
            self._close_store(opened_store)
        return total, None if due is None else max(0.0, due - time.time())

    def close(self) -> None:
        """Release what the object holds; calling again does nothing. The run's store stays."""
        if self._memory is not None:
            self._last_todos = self.count_todos()
            self._memory.close()
            self._memory = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # shared with the layer above

    def _outline(self) -> Any:
        """What a layer above shows of the program."""
        return None

    def _source(self) -> str | None:
        """How the shell finds this program again."""
        return str(Path(self._file).resolve()) if self._file else None

    def _step_config(self, own: StepConfig, func: object, name: str) -> StepConfig:
        if own.task_construct is not None:
            construct = canonical(own.task_construct, f"step {name!r}, config")
            own = msgspec.structs.replace(own, task_construct=construct)
        invoked = self._config.of_step(own, "task_construct") == "invoke"
        if invoked and func is not None and self._config.of_step(own, "timeout") is not None:
            raise ProgramError(
                f"step {name!r}: a step that is run by 'invoke' cannot be timed out; take 'process', 'thread' or 'async'"
            )
        return own

    @staticmethod
    def _checked(config: Config) -> Config:
        return msgspec.structs.replace(config, task_construct=canonical(config.task_construct, "config"))

    def _override(self, store: Any, shared_db: Any, logging_level: Any, config: Any) -> None:
        given = {"shared_db": shared_db, "logging_level": logging_level}
        overrides = {key: value for key, value in given.items() if value is not None}
        if config is not None:
            self._config = self._checked(load_config(config, overrides, self._config_tag))
        elif overrides:
            base = {key: getattr(self._config, key) for key in Config.__struct_fields__}
            self._config = self._checked(load_config(base | overrides, {}, self._config_tag))
        if store is not None:
            self._location = store_location(store, self._config.DATABASE, self._file)

    def _open(self) -> Store:
        if self._location != MEMORY:
            return opened(self._location, self._config.durability)
        if self._memory is None:
            self._memory = opened(MEMORY, self._config.durability)
        return self._memory

    def _close_store(self, opened_store: Store) -> None:
        if opened_store is not self._memory:
            opened_store.close()


def calling_file() -> str | None:
    """The file of the code that uses this package: the nearest caller outside eventcore and sequent."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in ("eventcore", "sequent"):
            file = frame.f_globals.get("__file__")
            return str(file) if file else None
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
