"""What every program can do, whichever way it is written: run, recover, continue, count what is left.

The database is imported when a run begins: building a flow, and the shell's help, need none of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from eventcore.act.clock import Clock
from eventcore.act.console import LINES, this_console
from eventcore.act.engine_log import EngineLog
from eventcore.act.executors.collection import Executors
from eventcore.act.executors.registry import with_construct
from eventcore.act.log_lines import LogLines
from eventcore.act.observer import Observer
from eventcore.act.routing import installed
from eventcore.act.system_clock import SystemClock
from eventcore.decide.rerunning import Rerun
from eventcore.define.answer import Answer
from eventcore.define.config import Config, Construct, changed_config, load_config
from eventcore.define.program import Program
from eventcore.define.sequence import is_name
from eventcore.define.status import RunMode
from eventcore.define.stored import stored_program, written
from eventcore.errors import ConfigError, RunNotFoundError
from eventcore.record.location import scheme_of
from eventcore.run.arguments import check, checked_observer, given
from eventcore.run.background import BackgroundRun
from eventcore.run.beginning import Beginning
from eventcore.run.built import Built
from eventcore.run.called import Called
from eventcore.run.checked import Checked
from eventcore.run.notebook import offered_progress, shown, watched
from eventcore.run.origin import Origin
from eventcore.run.request import Request
from eventcore.run.steering import PATIENCE, Steering, asking
from eventcore.uncollected import uncollected

if TYPE_CHECKING:
    from eventcore.record.store import Store
    from eventcore.run.session import Session


log = logging.getLogger(LINES)


class Runner(Called, Checked):
    """A program and its run; base of `Eventor` and of the flow language's `Sequent`.

    Arguments, all optional:

    - `name`: the program's name, by which runs are found. Default: the name of the calling module or notebook.
    - `store`: a database tag, a path, `:memory:` or a URL. Default: `<module>.run.db` next to the program, and in a
      notebook `<notebook>.run.db`; where its file is unknown, `notebook.run.db` in the working folder.
    - `run_mode`: a new run (`restart`), or the user's latest one, or the one named by `run_id`, recovered or continued.
    - `recovery_run`: when recovering, ignore the recoveries after this one.
    - `run_id`: the run's id; None or empty: a new run gets a generated one.
    - `shared_db`, `logging_level`: override the config keys of the same name.
    - `config`: a mapping or the path of a YAML file, see `eventcore.define.config.Config`.
    - `accept_removed`: recover or continue even if steps with history have been removed from the program.
    - `observers`: objects that are told what happens in its runs, see `eventcore.act.observer`.

    Raises `ConfigError` and `StoreError` for invalid arguments.
    """

    def __init__(
        self,
        name: str = "",
        store: str | Path = "",
        run_mode: RunMode = RunMode.restart,
        recovery_run: int | None = None,
        run_id: str | None = None,
        shared_db: bool | None = None,
        logging_level: int | str | None = None,
        config: Mapping[str, object] | str | Path | None = None,
        accept_removed: bool = False,
        observers: Iterable[Observer] = (),
    ) -> None:
        check("name", name, str)
        check("store", store, (str, Path))
        check("run_id", run_id, (str, NoneType))
        check("recovery_run", recovery_run, (int, NoneType))
        if name and not is_name(name):
            raise ConfigError(f"name {name!r}: a name must not contain NUL or lone surrogates")
        self._origin = Origin.here()
        overrides = given(shared_db, logging_level)
        self._config = with_construct(load_config(config, overrides, self._config_tag, self._defaults), "config")
        self.name = name or self._origin.name
        self._request = Request.first(run_mode, run_id, recovery_run, accept_removed)
        self._location = self._origin.located(store, self._config.DATABASE)
        self._check_shared()
        self._observers = [checked_observer(observer) for observer in observers]
        self._clock: Clock | None = None
        self._beginning: Beginning | None = None
        self._background: BackgroundRun | None = None
        self._session: Session | None = None
        self._memory: Store | None = None
        self._last_todos: tuple[int, float | None] = (0, None)
        self._made()

    _config_tag = "EVENTOR"
    _defaults: Mapping[str, object] = {}

    @property
    def run_id(self) -> str:
        """The run's id, known from the start.

        Only to recover or continue the latest run, which is found when it is entered, it is empty until then.
        """
        return self._present().run_id

    @property
    def file(self) -> str | None:
        """The file that the program is written in, a script, a module or a notebook, where it is known."""
        return self._origin.file

    @property
    def store(self) -> str:
        """Where the run is kept."""
        return self._location

    @property
    def config(self) -> Config:
        """The configuration that holds for the program."""
        return self._config

    def _worked(self, request: Request, built: Built, document: str, executors: Executors, passes: int,
                beginning: Beginning) -> bool:  # fmt: skip
        """Enter the run in its store and work on it; the answer of `run`."""
        with uncollected():
            from eventcore.run.session import Session

            opened_store = self._open(create=request.mode is RunMode.restart)
        try:
            shows, level, progress = self._config.console, self._config.logging_level, offered_progress(self._config)
            console = this_console(shows, verbose=self._config.verbose, lines=progress is None)
            with (
                installed(level, console=console),
                EngineLog(self._config.logdir, level) as engine_log,
                watched(progress, self, request) as watchers,
            ):
                log.info("Eventor store file: %s", self._location)
                observers = (engine_log, *watchers, LogLines(), beginning, *self._observers)
                clock = self._clock or SystemClock()
                self._session = Session(built.program, self._config, opened_store, clock, observers, executors,
                                        self._origin.source(self._config.logdir))  # fmt: skip
                try:
                    return self._session.run(request, document, self._starts_now(built), passes)
                finally:
                    self._request = self._session.entered(request, otherwise=self._request)
                    self._session = None
        finally:
            self._close_store(opened_store)

    def count_todos(self) -> tuple[int, float | None]:
        """How much is outstanding, and the seconds to the next due delay or None; before, during and after a run.

        Outstanding are tasks that were reached and are not over, delays on their way, and triggers that no run has
        taken up yet.
        """
        from eventcore.record.registry import backend_of
        from eventcore.run.outstanding import outstanding

        request = self._present()
        built = self.built()
        if not request.is_entered and request.mode is RunMode.restart:
            return len(built.starts), None
        if self._memory is None and not backend_of(self._location).is_shared:
            return self._last_todos
        opened_store = self._open(create=False)
        try:
            total, due = outstanding(built.program, opened_store, request.run_id, built.starts)
        finally:
            self._close_store(opened_store)
        return total, None if due is None else max(0.0, due - (self._clock or SystemClock()).now())

    def _steering(self) -> Steering:
        from eventcore.record.registry import backend_of

        if self._beginning is not None:
            self._beginning.wait()
        session, request = self._session, self._present()
        if request.mode is RunMode.restart and not request.is_entered:
            raise RunNotFoundError(f"this object of program {self.name!r} has not entered a run yet; call run first, "
                                   "or steer a stored run with eventcore.steer(store, run_id)")  # fmt: skip
        if not backend_of(self._location).is_shared:
            return Steering(request.run_id, self._ask_in_memory)
        opened_store = self._open(create=False)
        try:
            row = opened_store.find_run(self.name, request.run_id)
        finally:
            opened_store.close()
        is_own = session is not None and session.is_of_this_thread
        return Steering(row.run_id, asking(self._location, row.id, 0.0 if is_own else PATIENCE))

    def _ask_in_memory(self, verb: str, argument: Mapping[str, Any]) -> Answer:
        from eventcore.record import requests

        session = self._session
        answer = None if session is None else session.ask(verb, argument, PATIENCE)
        if answer is not None:
            return answer
        store = self._open(create=False)
        row = store.find_run(self.name, self._request.run_id)
        now = (self._clock or SystemClock()).now()
        return requests.ask(store.connection, row.id, verb, argument, now, is_held=False)

    def _is_running(self) -> bool:
        return self._session is not None or self._is_in_background

    def _carry_out(self, rerun: Rerun, run_id: str) -> None:
        self._request = msgspec.structs.replace(self._request, asked=None)  # that of an earlier rerun
        self.run(run_mode=RunMode.recover, run_id=run_id, rerun=rerun)

    def _answer(self, request: int) -> Answer:
        from eventcore.record.requests import answer_of

        opened_store = self._open(create=False)
        try:
            return answer_of(opened_store.connection, request)
        finally:
            self._close_store(opened_store)

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
        return self._written(self.built())

    def _written(self, built: Built) -> str:
        """The program as data; functions of a notebook change, so with their code."""
        if not self._origin.notebook:
            return written(stored_program(built.program))
        from eventcore.run.cells import each_once

        return written(stored_program(built.program, each_once()))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows of it."""
        return shown(self)

    def configure(self, values: Mapping[str, object]) -> None:
        """Set configuration keys over what holds now; raises `ConfigError`."""
        self._config = with_construct(changed_config(self._config, values), "config")
        self._check_shared()

    def use_store(self, store: str | Path) -> None:
        """Keep runs in another store from now on."""
        self._location = self._origin.located(store, self._config.DATABASE)
        self._check_shared()

    def use_clock(self, clock: Clock) -> None:
        """Keep time by another clock from now on, such as an `eventcore.act.virtual_clock.VirtualClock`."""
        self._clock = clock

    def add_observer(self, observer: Observer) -> None:
        """Tell one more observer what happens, from the next run on."""
        self._observers.append(checked_observer(observer))

    # for the classes that build programs

    def _made(self) -> None:
        """Prepare to take what the program is built of."""

    def _starts_now(self, built: Built) -> tuple[tuple[str, str], ...]:
        """What starts the run, with what has been triggered since the program was built."""
        return built.starts

    def _first_functions(self, program: Program) -> dict[Construct, Callable[..., Any]]:
        """The executors that the program's steps need, each with the function of its first step."""
        found: dict[Construct, Callable[..., Any]] = {}
        for step in program.steps.values():
            if step.func is not None:
                found.setdefault(self._config.of_step(step.config, "task_construct"), step.func)
        return found

    def _check_shared(self) -> None:
        if self._config.shared_db and scheme_of(self._location) == "memory":
            raise ConfigError(f"shared_db: store {self._location!r} is in memory and cannot be shared; give the path "
                              "of a file, or leave out shared_db")  # fmt: skip

    def _present(self) -> Request:
        """The state of the request, also while the run is in progress."""
        session = self._session
        return self._request if session is None else session.entered(self._request, otherwise=self._request)

    def _open(self, *, create: bool) -> Store:
        from eventcore.record.registry import backend_of
        from eventcore.record.store import opened

        if backend_of(self._location).is_shared:
            return opened(self._location, self._config.durability, create=create)
        if self._memory is None:
            self._memory = opened(self._location, self._config.durability)
        return self._memory

    def _close_store(self, opened_store: Store) -> None:
        if opened_store is not self._memory:
            opened_store.close()
