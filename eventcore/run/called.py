"""What happens when `run` is called: its arguments override what the object was made with, and the work begins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, overload

from eventcore.act.executors.collection import Executors
from eventcore.act.executors.registry import with_construct
from eventcore.decide.rerunning import Rerun
from eventcore.define.config import Config, Construct, changed_config, load_config
from eventcore.define.program import Program
from eventcore.define.status import RunMode
from eventcore.errors import RunHeldError
from eventcore.run.arguments import check, given
from eventcore.run.background import BackgroundRun
from eventcore.run.beginning import Beginning
from eventcore.run.capture import current_capture
from eventcore.run.origin import Origin
from eventcore.run.recorded import Recorded
from eventcore.run.request import Overlap, Request
from eventcore.run.steered import Steered
from eventcore.uncollected import uncollected

if TYPE_CHECKING:
    from eventcore.run.built import Built
    from eventcore.run.session import Session


class Called(Steered, Recorded):
    """A program that can be run, in the thread of the caller or in one of its own."""

    name: str
    _config: Config
    _config_tag: str
    _defaults: Mapping[str, object]
    _location: str
    _origin: Origin
    _request: Request
    _beginning: Beginning | None
    _background: BackgroundRun | None
    _session: Session | None

    @overload
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
        config: Mapping[str, object] | str | Path | None = None,
        accept_removed: bool | None = None,
        rerun: Rerun | None = None,
        overlap: Overlap = "allow",
        background: Literal[False] = False,
    ) -> bool: ...

    @overload
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
        config: Mapping[str, object] | str | Path | None = None,
        accept_removed: bool | None = None,
        rerun: Rerun | None = None,
        overlap: Overlap = "allow",
        background: Literal[True],
    ) -> BackgroundRun: ...

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
        config: Mapping[str, object] | str | Path | None = None,
        accept_removed: bool | None = None,
        rerun: Rerun | None = None,
        overlap: Overlap = "allow",
        background: bool = False,
    ) -> bool | BackgroundRun:
        """Run the program; returns True unless it failed, is stalled or was cancelled.

        `max_loops` -1: until nothing is left, pending delays included; n: at most n passes, each until nothing can be
        done without waiting for a delay, with `sleep_between_loops` seconds between them. The other arguments override
        the constructor's. Called again without `run_mode`, it continues the same run; if that is already over, it says
        so in the log and returns the same value again. `rerun`, with `RunMode.recover`, names what to run again
        although it succeeded. `overlap` is for a new run while a living engine works on another run of the program by
        the same user in the store: `allow` begins all the same, `wait` waits for the end of that, `skip` returns True
        without a run, and says so in the log. With `background`, it returns at once what can be waited for, and the run
        goes on in a thread of its own. Raises an `EventcoreError` if the program cannot run.
        """
        capture = current_capture()
        if capture is not None:
            capture.take(self)
        check("max_loops", max_loops, int)
        check("run_id", run_id, (str, NoneType))
        check("recovery_run", recovery_run, (int, NoneType))
        if self._session is not None or self._is_in_background:
            raise RunHeldError(f"this object of program {self.name!r} is running; wait until its run returns")
        self._override(store, shared_db, logging_level, config)
        request = self._request.changed(run_mode, run_id, recovery_run, accept_removed, rerun, overlap)
        beginning = self._beginning = Beginning()
        if not background:
            return self._performed(request, max_loops, beginning)
        started = BackgroundRun(self, beginning, lambda: self._performed(request, max_loops, beginning))
        self._background = started
        started.start()
        return started

    __call__ = run

    def _performed(self, request: Request, passes: int, beginning: Beginning) -> bool:
        beginning.is_of_this_thread()
        try:
            with uncollected():
                built = self.built()
                document = self._written(built)
            with closing(Executors(self._config)) as executors:
                if request.mode is RunMode.restart and request.overlap == "allow":  # else it is not known what it needs
                    executors.prepare(self._first_functions(built.program))
                return self._worked(request, built, document, executors, passes, beginning)
        finally:
            beginning.end()

    @property
    def _is_in_background(self) -> bool:
        """Whether a run of this object works in a thread of its own; that thread itself is not asked."""
        return self._background is not None and self._background.is_elsewhere

    def _override(
        self,
        store: str | Path | None,
        shared_db: bool | None,
        logging_level: int | str | None,
        config: Mapping[str, object] | str | Path | None,
    ) -> None:
        overrides = given(shared_db, logging_level)
        if config is not None:
            self._config = with_construct(load_config(config, overrides, self._config_tag, self._defaults), "config")
        elif overrides:
            self._config = with_construct(changed_config(self._config, overrides), "config")
        if store is not None:
            self._location = self._origin.located(store, self._config.DATABASE)
        self._check_shared()

    # what the program does

    @property
    @abstractmethod
    def run_id(self) -> str:
        """The run's id; empty while it is not known."""

    @abstractmethod
    def built(self) -> Built:
        """The program as it stands; raises `ProgramError` for what cannot run."""

    @abstractmethod
    def _written(self, built: Built) -> str: ...

    @abstractmethod
    def _first_functions(self, program: Program) -> dict[Construct, Callable[..., Any]]: ...

    @abstractmethod
    def _worked(self, request: Request, built: Built, document: str, executors: Executors, passes: int,
                beginning: Beginning) -> bool: ...  # fmt: skip

    @abstractmethod
    def _check_shared(self) -> None: ...
