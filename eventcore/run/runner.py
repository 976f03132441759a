"""What every program can do, whichever way it is written: run, recover, continue, count what is left.

The database is imported when a run begins: building a flow, and the shell's help, need none of it.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from eventcore.act.executors.collection import Executors
from eventcore.act.executors.registry import canonical, executor_class, with_construct
from eventcore.act.steplog import installed
from eventcore.decide.rerunning import Rerun
from eventcore.define.config import Config, StepConfig, checked_config, load_config
from eventcore.define.document import document_of
from eventcore.define.program import Program
from eventcore.define.status import RunMode
from eventcore.errors import ConfigError, ProgramError
from eventcore.record.location import MEMORY, store_location
from eventcore.run.capture import current_capture
from eventcore.run.request import Request, as_mode

if TYPE_CHECKING:
    from eventcore.record.store import Store
    from eventcore.run.session import Session

log = logging.getLogger("eventcore")


@dataclass(frozen=True, slots=True)
class Built:
    """A program ready to run."""

    program: Program
    starts: tuple[tuple[str, str], ...]  #: events and sequences that are triggered at the start
    outline: Any = None  #: what the layer that wrote it shows of it


class Runner:
    """A program and its run; base of `Eventor` and of the flow language's `Sequent`.

    Arguments, all optional:

    - `name`: of the program; runs are found by it. Default: the name of the calling module.
    - `store`: a database tag of the config, a path, `:memory:` or a URL. Default: `<module>.run.db` beside the program.
    - `run_mode`: a new run (`restart`), or the latest one, or the one named by `run_id`, recovered or continued.
    - `recovery_run`: recover as if the recoveries after this one had not been.
    - `run_id`: names the run; generated for a new one.
    - `shared_db`, `logging_level`: as the config keys of these names.
    - `config`: a mapping or the path of a YAML file, see `eventcore.define.config.Config`.
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
        _check("name", name, str)
        _check("store", store, (str, Path))
        _check("run_id", run_id, str)
        self._file = calling_file()
        capture = current_capture()
        if capture is not None and capture.file is not None:
            self._file = str(capture.file.resolve())
        self._origin = None if capture is None else capture.origin
        given = {"shared_db": shared_db, "logging_level": logging_level}
        overrides = {key: value for key, value in given.items() if value is not None}
        self._config = self._checked(load_config(config, overrides, self._config_tag, self._defaults))
        self.name = name or (Path(self._file).stem if self._file else "program")
        self._request = Request(as_mode(run_mode), run_id, recovery_run, accept_removed)
        self._location = store_location(store, self._config.DATABASE, self._file)
        self._session: Session | None = None
        self._memory: Store | None = None
        self._last_todos: tuple[int, float | None] = (0, None)

    _config_tag = "EVENTOR"
    _defaults: Mapping[str, Any] = {}

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
        rerun: Rerun | None = None,
    ) -> bool:
        """Run the program; True while nothing unhandled has failed and nothing is stalled.

        `max_loops` -1: until nothing is left, pending delays included; n: n passes, each until nothing can be done
        without waiting for a delay. The other arguments stand in for the constructor's. Called again without
        `run_mode`, it goes on with the same run. `rerun`, with `RunMode.recover`, names what runs again although it is
        done. Raises `EventcoreError`s for what makes running impossible.
        """
        capture = current_capture()
        if capture is not None:
            capture.take(self)
        _check("max_loops", max_loops, int)
        self._override(store, shared_db, logging_level, config)
        self._request = self._request.changed(run_mode, run_id, recovery_run, accept_removed, rerun)
        with _uncollected():
            built = self._build()
            document = document_of(built.program, built.outline)
        with closing(Executors(self._config)) as executors:
            if self._request.mode is RunMode.restart:  # of another run, the history says what it needs
                executors.prepare(self._first_functions(built.program))
            return self._worked(built, document, executors, max_loops)

    __call__ = run

    def count_todos(self) -> tuple[int, float | None]:
        """How much is outstanding, and the seconds to the next due delay or None; before, during and after a run.

        Outstanding are tasks that were reached and are not over, delays on their way, and triggers that no run has
        taken up yet.
        """
        from eventcore.run.session import Session

        session, request = self._session, self._request
        if session is not None:
            request = session.entered(request)
        built = self._build()
        if not request.is_entered and request.mode is RunMode.restart:
            return len(built.starts), None
        if self._location == MEMORY and self._memory is None:
            return self._last_todos
        opened_store = self._open(create=False)
        try:
            counting = Session(built.program, self._config, opened_store, None, Executors(self._config))
            total, due = counting.todos(request, built.starts)
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def document(self) -> str:
        """The program as data, the way it is stored with its runs; raises `ProgramError` for what cannot run."""
        built = self._build()
        return document_of(built.program, built.outline)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows of it."""
        from eventcore.run.notebook import shown

        return shown(self)

    def configure(self, values: Mapping[str, Any]) -> None:
        """Set configuration keys over what holds now; raises `ConfigError`."""
        base = {key: getattr(self._config, key) for key in Config.__struct_fields__}
        self._config = self._checked(checked_config(base | dict(values), "config"))

    def use_store(self, store: str | Path) -> None:
        """Keep runs in another store from now on."""
        self._location = store_location(store, self._config.DATABASE, self._file)

    # for the classes that build programs

    def _build(self) -> Built:
        """The program as it stands; raises `ProgramError` for what cannot run."""
        raise NotImplementedError

    def _source(self) -> str:
        """How readers find this program again, by the target it was loaded by or its script, and its steps' logs."""
        if self._origin is not None:
            origin = json.loads(self._origin)
        else:
            origin = {"target": str(Path(self._file).resolve())} if self._file else {}
        return json.dumps(origin | {"logdir": str(Path(self._config.logdir).absolute())})

    def _worked(self, built: Built, document: str, executors: Executors, passes: int) -> bool:
        with _uncollected():
            from eventcore.run.session import Session

            opened_store = self._open(create=self._request.mode is RunMode.restart)
        try:
            assert isinstance(self._config.logging_level, int)
            with installed(self._config.logging_level, console=self._config.console):
                log.info("Eventor store file: %s", self._location)
                self._session = Session(built.program, self._config, opened_store, self._source(), executors)
                try:
                    return self._session.run(self._request, document, built.starts, passes)
                finally:
                    self._request = self._session.entered(self._request)
                    self._session = None
        finally:
            self._close_store(opened_store)

    def _first_functions(self, program: Program) -> dict[Any, Callable[..., Any]]:
        """The executors that the program's steps need, each with the function of its first step."""
        found: dict[Any, Callable[..., Any]] = {}
        for step in program.steps.values():
            if step.func is not None and step.control is None:
                found.setdefault(self._config.of_step(step.config, "task_construct"), step.func)
        return found

    def _step_config(self, own: StepConfig, func: object, name: str) -> StepConfig:
        own = with_construct(own, f"step {name!r}, config")
        if func is not None and self._config.of_step(own, "timeout") is not None:
            construct = self._config.of_step(own, "task_construct")
            if not executor_class(construct).keeps_time:
                raise ProgramError(
                    f"step {name!r}: a step run by {construct!r} cannot be timed out; take 'process', 'thread' or "
                    "'async'"
                )
        return own

    @staticmethod
    def _checked(config: Config) -> Config:
        return msgspec.structs.replace(config, task_construct=canonical(config.task_construct, "config"))

    def _override(self, store: Any, shared_db: Any, logging_level: Any, config: Any) -> None:
        given = {"shared_db": shared_db, "logging_level": logging_level}
        overrides = {key: value for key, value in given.items() if value is not None}
        if config is not None:
            self._config = self._checked(load_config(config, overrides, self._config_tag, self._defaults))
        elif overrides:
            base = {key: getattr(self._config, key) for key in Config.__struct_fields__}
            self._config = self._checked(checked_config(base | overrides, "config"))
        if store is not None:
            self.use_store(store)

    def _open(self, *, create: bool) -> Store:
        from eventcore.record.store import opened

        if self._location != MEMORY:
            return opened(self._location, self._config.durability, create=create)
        if self._memory is None:
            self._memory = opened(MEMORY, self._config.durability)
        return self._memory

    def _close_store(self, opened_store: Store) -> None:
        if opened_store is not self._memory:
            opened_store.close()


def _check(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = " or a ".join(known.__name__ for known in (kind if isinstance(kind, tuple) else (kind,)))
        raise ConfigError(f"{name} is a {kinds}, not {value!r}")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: imports and plans leave none, and looking takes a sixth of their time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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
