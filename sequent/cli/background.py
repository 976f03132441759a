"""`--detach`: once the run has begun, it continues in the background, in a session of its own.

The process is forked before anything but the command line is loaded. The child tells through a pipe where its output
goes, and then that its run has begun; when the pipe is closed before that, its output says what was wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from eventcore.define.plain import plain
from sequent.cli.exit_codes import EXIT_NOTHING, EXIT_USAGE

if TYPE_CHECKING:
    from eventcore.run.runner import Runner

LOG_END = r"\d{8}-\d{6}-\d+\.log"  #: what follows the run in a log's name: the time and the process


class Background:
    """The child's end: redirects its output, and reports that its run has begun."""

    def __init__(self, telling: int, early: IO[bytes], target: str | None = None) -> None:
        self._target = target
        self._telling: int | None = telling
        self._early = early
        self._log: Path | None = None
        self._stem = ""

    @contextmanager
    def begun(self, program: Runner) -> Iterator[None]:
        """Send the output to the program's log, and tell when its engine has entered the run."""
        from sequent.cli.entry import EntryObserver

        self._open_log(program)
        program.add_observer(EntryObserver(lambda run_id: self._tell_run(run_id, program.store)))
        yield

    def _tell_run(self, run_id: str, location: str) -> None:
        from eventcore.run.next_action import reference

        if self._telling is not None:
            run = reference(location, run_id, self._target)
            self._tell({"run_id": run_id, "run": run, "log": str(self._named_after(run_id))})
            os.close(self._telling)
            self._telling = None

    def _named_after(self, run_id: str) -> Path:
        """The log, renamed so that it is known whose it is."""
        assert self._log is not None
        named = self._log.with_name(log_name(self._stem, run_id, self._log.name.removeprefix(f"{self._stem}.")))
        with suppress(OSError):
            self._log = self._log.rename(named)
        return self._log

    def _tell(self, said: dict[str, str]) -> None:
        assert self._telling is not None
        with suppress(BrokenPipeError):
            os.write(self._telling, json.dumps(said).encode() + b"\n")

    def _open_log(self, program: Runner) -> None:
        """Have descriptors 1 and 2 write to a file beside the store or in the logdir, after what was said so far."""
        file, path, self._stem = _log_file(program)
        self._log = path
        sys.stdout.flush()
        sys.stderr.flush()
        self._early.seek(0)
        os.write(file, self._early.read())
        for number in (1, 2):
            os.dup2(file, number)
        os.close(file)
        self._tell({"log": str(path)})


def detached(work: Callable[[Background], int], target: str | None = None) -> int:
    """Do the work in the background; returns 0 when its run has begun, or the exit code of what kept it from that.

    `target` is the program's, where it is known.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    heard, telling = os.pipe()
    with tempfile.TemporaryFile() as early:
        pid = os.fork()
        if pid == 0:
            os.close(heard)
            _leave_the_terminal(early.fileno())
            return work(Background(telling, early, target))
        os.close(telling)
        try:
            with open(heard, "rb") as pipe:  # noqa: PTH123  a descriptor is no path
                said = {key: value for line in pipe for key, value in json.loads(line).items()}
        except KeyboardInterrupt:
            os.kill(pid, signal.SIGINT)
            raise
        if "run_id" not in said:
            return _explain(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), early, said.get("log"))
    _show(pid, **said)
    return 0


def _leave_the_terminal(output: int) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for number in (1, 2):
        os.dup2(output, number)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a command that the shell itself put in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def log_name(stem: str, run_id: str, rest: str) -> str:
    """The name of the log of a run that continues in the background; `rest` is the time and the process."""
    from eventcore.act.steplog import file_name

    return f"{stem}.{file_name(run_id)}.{rest}"


def log_stem(program: str, file: Path | None) -> str:
    """What the names of such logs begin with: as the store's file, or where there is none as the program."""
    return program if file is None else file.stem


def _log_file(program: Runner) -> tuple[int, Path, str]:
    from eventcore.act.own_folder import log_root
    from eventcore.errors import StoreError
    from eventcore.record.registry import backend_of

    store = backend_of(program.store)
    if not store.is_shared:
        raise StoreError(
            "a run in memory cannot be detached, because no other command could find it; give it a "
            "store file with --store"
        )
    stem = log_stem(program.name, store.file)
    name = f"{stem}.{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    beside = [] if store.file is None else [store.file.absolute().parent]
    for folder in (*beside, Path(log_root(program.config.logdir)[0])):
        with suppress(OSError):
            path = folder / name
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            return os.open(path, flags, 0o666), path, stem
    raise StoreError(
        f"no log can be written next to {store.name} or in {program.config.logdir}; configure another logdir"
    )


def _explain(code: int, early: IO[bytes], log: str | None) -> int:
    """Print one line that says why no run began; longer output is kept in the log."""
    early.seek(0)
    output = Path(log).read_bytes() if log else early.read()
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    last = lines[-1] if lines else f"its process ended with {code}"
    if code in (0, EXIT_USAGE, EXIT_NOTHING) and last.startswith("sequent: "):
        if log:
            Path(log).unlink(missing_ok=True)
        said = [line for line in lines if line.startswith("sequent: ")] if code == 0 else [last]  # 0: it was skipped
        click.echo("\n".join(said), err=True)
        return code
    kept = f"; its output is in {log}" if log else "; run it without --detach to see more"
    click.echo(f"sequent: no run has begun: {last.removeprefix('sequent: ')}{kept}", err=True)
    return EXIT_USAGE


def _show(pid: int, run_id: str, run: str, log: str) -> None:
    click.echo(f"run {plain(run_id)} continues in process {pid}; its output goes to {log}")
    click.echo(f"watch it: sequent watch {run}")
    click.echo(f"end it: sequent cancel {run}")
