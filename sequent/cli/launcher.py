"""Starts engines for the page, as `--detach` does: each by a command of its own, in the background."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from eventcore.errors import EventcoreError
from eventcore.record.reading import reading
from sequent.cli.handed_over import COMMAND, handed_over
from visual.errors import NotBegunError
from visual.page.engines import Engines, Program, Work

PATIENCE = 60.0  #: seconds to wait for an engine to begin


class Launcher(Engines):
    """Starts the programs that it is made with, by the store, and no others."""

    def __init__(self, programs: Mapping[str, Sequence[Program]]) -> None:
        self._programs = programs
        self._lock = threading.Lock()
        self._beginning: set[tuple[str, str | None, str]] = set()
        self._left: Future[Any] = Future()

    def programs(self, location: str) -> Sequence[Program]:
        """See `Engines`."""
        return self._programs.get(location, ())

    def begin(self, work: Work) -> str:
        """See `Engines`."""
        if work.program not in self.programs(work.location):
            raise NotBegunError(f"the page was not started with {work.program.target}")
        key = work.location, work.run_id, work.program.target
        with self._lock:
            if key in self._beginning:
                raise NotBegunError("an engine is already being started for it; wait until it has begun")
            self._beginning.add(key)
        said: Future[Any] = Future()
        said.add_done_callback(lambda _: self._beginning.remove(key))
        threading.Thread(target=_run, args=(work, said), daemon=True).start()
        wait((said, self._left), PATIENCE, FIRST_COMPLETED)
        if not said.done():
            raise NotBegunError("it is still loading; its run will appear here if it begins")
        return _said(*said.result())

    def leave(self) -> None:
        """See `Engines`."""
        if not self._left.done():
            self._left.set_result(None)


def _arguments(work: Work) -> Iterator[str]:
    """The command's arguments; nothing that a browser sent can be taken for an option."""
    yield from (work.verb, "--detach", f"--store={work.location}")
    if work.run_id is not None:
        yield f"--run-id={work.run_id}"
    yield from (f"--param={name}={value}" for name, value in work.parameters.items())
    if work.instance is not None and work.extent != "also":
        yield f"--{work.extent}"
    yield from ("--", work.program.target)
    if work.instance is not None:
        yield work.instance


def _run(work: Work, said: Future[Any]) -> None:
    """Run the command that begins an engine, in a session of its own so that Ctrl-C does not reach it."""
    try:
        with handed_over(work.location) as (environment, inherited):
            done = subprocess.run(
                [*COMMAND, *_arguments(work)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", start_new_session=True, check=False, env=environment, pass_fds=inherited,
            )  # fmt: skip
        said.set_result((done.returncode, done.stdout, done.stderr))
    except BaseException as error:  # told to whoever waits
        said.set_exception(error)


def _said(code: int, told: str, complaints: str) -> str:
    """What the command printed; raises `NotBegunError` with its complaint where it failed."""
    if code == 0:
        return told.partition("\n")[0]
    lines = [line for line in complaints.splitlines() if line.strip()] or [f"it ended with {code}"]
    raise NotBegunError(lines[-1].removeprefix("sequent: "))


def known_programs(locations: Iterable[str], named: str | None = None) -> dict[str, list[Program]]:
    """By the store, the programs that it records, the latest first, and the one that is named as stores record it."""
    found: dict[str, list[Program]] = {}
    for location in locations:
        targets = list(dict.fromkeys(_recorded(location)))
        if named is not None and not any(one == named or one.startswith(f"{named}:") for one in targets):
            targets.insert(0, named)
        found[location] = [Program(one, _shown(one)) for one in targets]
    return found


def _recorded(location: str) -> Iterator[str]:
    """The targets of the runs of a store; none of one that cannot be read, or that is not there yet."""
    import time

    try:
        with reading(location) as reader:
            targets = [run.origin.get("target") for run in reader.runs(time.time())]
    except EventcoreError:
        return
    yield from (target for target in targets if isinstance(target, str))


def _shown(target: str) -> str:
    """A target without the folder of its file."""
    return Path(target).name
