"""What starts engines for a page: a seam that the shell fills, because only it can load programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from visual.errors import NotBegunError


class Program(msgspec.Struct, frozen=True):
    """A program that may be started."""

    target: str  #: as stores record it
    name: str  #: as people read it


class Work(msgspec.Struct, frozen=True):
    """What an engine is wanted for: `run`, `recover`, `continue` or `rerun`."""

    verb: str
    program: Program
    location: str  #: of the store
    run_id: str | None = None  #: None to start a new run
    parameters: Mapping[str, str] = {}  #: of a new run
    instance: str | None = None  #: of a rerun, as `PATH` or `PATH@SEQ`
    extent: str = "also"  #: of a rerun


class Engines(ABC):
    """Starts engines that outlive the page's server."""

    @abstractmethod
    def programs(self, location: str) -> Sequence[Program]:
        """The programs of a store that may be started: those that were known when the server was started."""

    @abstractmethod
    def begin(self, work: Work) -> str:
        """Have an engine of its own do the work; returns what to tell the user once it has begun.

        Raises `NotBegunError` with the reason where none could begin, or where none has begun when the server ends.
        """

    @abstractmethod
    def leave(self) -> None:
        """The server ends: nobody waits any more for what is about to begin, which is not ended by that."""


def program_of(origin: Mapping[str, object], run_id: str, programs: Sequence[Program]) -> Program:
    """The program of a run among those that may be started; raises `NotBegunError` where it is not one of them."""
    target = origin.get("target")
    for program in programs:
        if program.target == target:
            return program
    if "notebook" in origin:
        raise NotBegunError(f"run {run_id!r} was started in a notebook; go on with it there, with flow.run")
    if target is None:
        raise NotBegunError(f"run {run_id!r} does not record its program; use the shell and name the program's file")
    raise NotBegunError(
        f"the page was not started with {target}, the program of run {run_id!r}; start `sequent serve` again, or use "
        "the shell"
    )
