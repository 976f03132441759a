"""What the specification is written with: small programs, and a look at what their store says."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import eventcore as evr
import sequent as seq
from eventcore.act.observer import EVERYTHING, Notice
from eventcore.record import schema
from eventcore.record.store import opened

T = TypeVar("T", bound=Notice)

ROOT = Path(__file__).parents[1]


class Recorder(evr.Observer):
    """Keeps what it is told."""

    def __init__(self, *kinds: type[Notice]) -> None:
        self.kinds = kinds or EVERYTHING
        self.heard: list[Notice] = []

    def notify(self, notice: Notice) -> None:
        self.heard.append(notice)

    def of(self, kind: type[T]) -> list[T]:
        """The notices of one kind."""
        return [notice for notice in self.heard if isinstance(notice, kind)]


def eventor(
    store: str | Path = ":memory:",
    run_mode: evr.RunMode = evr.RunMode.restart,
    *,
    recovery_run: int | None = None,
    run_id: str = "",
    **config: Any,
) -> evr.Eventor:
    """A program whose steps run in the engine and whose run stays in memory, where nothing else is said."""
    settings = {"task_construct": "invoke", "logging_level": "ERROR", **config}
    return evr.Eventor("program", store, run_mode, recovery_run, run_id, config=settings)


def flow(
    store: str | Path = ":memory:",
    run_mode: evr.RunMode = evr.RunMode.restart,
    *,
    recovery_run: int | None = None,
    run_id: str = "",
    **config: Any,
) -> seq.Sequent:
    """A flow whose steps run in the engine and whose run stays in memory, where nothing else is said."""
    settings = {"task_construct": "invoke", "logging_level": "ERROR", **config}
    return seq.Sequent("flow", store, run_mode, recovery_run, run_id, config=settings)


def start(program: evr.Eventor, *steps: evr.Step, sequence: int | str = 1) -> evr.Event:
    """Have the steps run from the program's start."""
    event = program.add_event(f"start {', '.join(step.name for step in steps)[:200]} at {sequence}")
    program.add_assoc(event, *steps)
    program.trigger_event(event, sequence)
    return event


def boom(text: str = "boom") -> NoReturn:
    """Fail."""
    raise ValueError(text)


def rows(store: str | Path, query: str) -> list[tuple[Any, ...]]:
    """What a store says; tables by their names without the prefix, as in `{tasks}`."""
    tables = {name.removeprefix(schema.PREFIX): name for name in schema.metadata.tables}
    with closing(opened(str(store), create=False)) as found:
        said = found.connection.exec_driver_sql(query.format(**tables).replace("%", "%%"))
        return [tuple(row) for row in said]


def as_here() -> dict[str, str]:
    """The environment of a Python program that imports what this one does and keeps its stores where this one does."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run_script(source: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own in a folder, as a user would."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(source))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder, env=as_here() | environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
