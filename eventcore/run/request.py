"""What a call of `run` asks for: which run, and how to enter it."""

from __future__ import annotations

from dataclasses import dataclass

from eventcore.decide.rerunning import Rerun
from eventcore.define.status import RunMode
from eventcore.errors import ConfigError


def as_mode(written: object) -> RunMode:
    """The run mode that is meant; raises `ConfigError` for what is none."""
    try:
        return RunMode(written)  # type: ignore[arg-type]  # that is what is found out here
    except ValueError:
        raise ConfigError(f"run_mode {written!r} is not known; use one of {', '.join(map(repr, RunMode))}") from None


@dataclass(frozen=True, slots=True)
class Request:
    """Which run is wanted, and how to enter it."""

    mode: RunMode
    run_id: str = ""
    recovery_run: int | None = None
    accept_removed: bool = False
    is_entered: bool = False  #: the run has been worked on by this object
    rerun: Rerun | None = None  #: what runs again although it is done

    def changed(self, mode: RunMode | None, run_id: str | None, recovery_run: int | None,
                accept_removed: bool | None, rerun: Rerun | None = None) -> Request:  # fmt: skip
        """The request of the next call; called again without a mode, it goes on with the run it entered."""
        if mode is None:
            mode = RunMode.continue_ if self.is_entered and not run_id else self.mode
        elif mode is RunMode.restart and self.is_entered and not run_id:
            run_id = ""
        return Request(
            as_mode(mode),
            self.run_id if run_id is None else run_id,
            self.recovery_run if recovery_run is None and not self.is_entered else recovery_run,
            self.accept_removed if accept_removed is None else accept_removed,
            self.is_entered,
            rerun,
        )
