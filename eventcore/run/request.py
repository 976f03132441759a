"""What a call of `run` asks for: which run, and how to enter it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

import msgspec

from eventcore.decide.rerunning import Rerun
from eventcore.define.sequence import is_name
from eventcore.define.status import RunMode
from eventcore.errors import ConfigError
from eventcore.record.rows import RunRow

#: what becomes of a new run while another one of its program and user is under way: it begins, is skipped, or waits
Overlap: TypeAlias = Literal["allow", "skip", "wait"]


def as_mode(written: object) -> RunMode:
    """The run mode; raises `ConfigError` for an unknown one."""
    try:
        return RunMode(written)  # type: ignore[arg-type]  # it is checked here
    except ValueError:
        raise ConfigError(f"unknown run_mode {written!r}; use one of {', '.join(map(repr, RunMode))}") from None


def as_overlap(written: object) -> Overlap:
    """The word; raises `ConfigError` for an unknown one."""
    for known in get_args(Overlap):
        if written == known:
            found: Overlap = known
            return found
    raise ConfigError(f"unknown overlap {written!r}; use one of {', '.join(map(repr, get_args(Overlap)))}")


def as_run_id(written: str | None) -> str:
    """The id, empty for none; raises `ConfigError` for one that no store can hold."""
    if written and not is_name(written):
        raise ConfigError(f"run_id {written!r}: a name must not contain NUL or lone surrogates")
    return written or ""


def generated_run_id() -> str:
    """A run id that sorts by time and is not given twice."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class Request(msgspec.Struct, frozen=True):
    """Which run is wanted, and how to enter it."""

    mode: RunMode
    run_id: str = ""  #: empty: the user's latest run of the program
    recovery_run: int | None = None
    accept_removed: bool = False
    is_named: bool = False  #: the user chose the run id
    is_entered: bool = False  #: the run has been worked on by this object
    rerun: Rerun | None = None  #: what is to run again although it succeeded
    asked: int | None = None  #: the request for that, by its id in the store
    overlap: Overlap = "allow"  #: of a new run

    @classmethod
    def first(cls, mode: object, run_id: str | None, recovery_run: int | None, accept_removed: bool) -> Request:
        """The request of a new object; a new run has its id from here on."""
        mode, named = as_mode(mode), as_run_id(run_id)
        made = generated_run_id() if mode is RunMode.restart and not named else ""
        return cls(mode, named or made, recovery_run, accept_removed, bool(named))

    def changed(self, mode: RunMode | None, run_id: str | None, recovery_run: int | None,
                accept_removed: bool | None, rerun: Rerun | None = None,
                overlap: Overlap = "allow") -> Request:  # fmt: skip
        """The request of the next call; called again without a mode, it continues the run that it entered.

        An empty `run_id` means none, also where the constructor was given one.
        """
        if mode is None:
            mode = RunMode.continue_ if self.is_entered and not run_id else self.mode
        mode = as_mode(mode)
        return Request(
            mode,
            as_run_id(run_id) or self._run_id(mode, is_forgotten=run_id is not None),
            self.recovery_run if recovery_run is None and not self.is_entered else recovery_run,
            self.accept_removed if accept_removed is None else accept_removed,
            bool(run_id) or (self.is_named and run_id is None),
            self.is_entered,
            rerun,
            overlap=as_overlap(overlap),
        )

    def _run_id(self, mode: RunMode, *, is_forgotten: bool) -> str:
        """The id where the call names none."""
        is_dropped = self.is_named and is_forgotten
        if mode is RunMode.restart:
            is_usable = self.run_id and not self.is_entered and not is_dropped
            return self.run_id if is_usable else generated_run_id()
        return self.run_id if self.is_entered or (self.is_named and not is_dropped) else ""


def counted(row: RunRow, recovery_run: int | None) -> int:
    """The latest recovery that counts as history; raises `ConfigError` where the run has no such recovery."""
    if recovery_run is not None and not 0 <= recovery_run <= row.recovery:
        raise ConfigError(
            f"recovery_run {recovery_run}: run {row.run_id!r} has no such recovery; its latest is {row.recovery}"
        )
    return row.recovery if recovery_run is None else recovery_run
