"""Real Jupyter kernels, and what they show."""

from __future__ import annotations

import os
import queue
import re
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.support import ROOT

PATIENCE = 600  #: seconds until a cell that is not over fails its test


class Cell(msgspec.Struct):
    """What a cell that ran left below it, as a front end shows it."""

    shown: dict[str, dict[str, str]] = {}  #: displays by their id, each as it was updated last
    drawn: int = 0  #: how often displays were shown or updated
    stdout: str = ""
    stderr: str = ""
    result: dict[str, str] = {}
    error: str = ""  #: the traceback

    @property
    def progress(self) -> str:
        """The text of all displays."""
        return "\n".join(data.get("text/plain", "") for data in self.shown.values())


class Kernel:
    """A kernel and the front end that talks to it."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = {}) -> None:
        self._folder = folder
        self._sockets = TemporaryDirectory(prefix="kernel-")
        self._manager = KernelManager(**over_files(self._sockets.name))
        self._manager.start_kernel(cwd=str(folder), env={**surroundings(folder), **environment})
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.begin(code))

    def begin(self, code: str) -> str:
        """Have a cell run; returns the number of the request."""
        return str(self._client.execute(code))

    def finish(self, request: str, until: str | None = None) -> Cell:
        """What the cell shows until it is over, or until what the pattern `until` stands for is printed or shown."""
        cell, deadline = Cell(), time.monotonic() + PATIENCE
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the kernel is not through; so far {cell}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return cell
            _take(cell, kind, content)
            if until is not None and re.search(until, cell.stdout + cell.progress):
                return cell

    def open(self, gate: str) -> None:
        """Make a file that a step waits for."""
        (self._folder / gate).touch()

    def interrupt(self) -> None:
        """Press the button with the square."""
        self._manager.interrupt_kernel()

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.cleanup()


def over_files(folder: str) -> dict[str, str]:
    """Arguments of a kernel's manager: kernels that start at once must not take each other's ports."""
    return {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}


def _take(cell: Cell, kind: str, content: Mapping[str, Any]) -> None:
    if kind in ("display_data", "update_display_data"):
        cell.drawn += 1
        cell.shown[content["transient"].get("display_id", f"display {cell.drawn}")] = content["data"]
    elif kind == "stream":
        setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
    elif kind == "execute_result":
        cell.result = content["data"]
    elif kind == "error":
        cell.error = "\n".join(content["traceback"])


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a kernel: with this tree and what it offers to notebooks, and without the user's settings."""
    offers = folder / "installed"
    info = offers / "sequent_flow-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: sequent-flow\nVersion: 0\n")
    info.joinpath("entry_points.txt").write_text(entry_points())
    named = {"JPY_SESSION_NAME", "PYTEST_CURRENT_TEST"}
    return {name: value for name, value in os.environ.items() if name not in named} | {
        "PYTHONPATH": f"{offers}{os.pathsep}{ROOT}",
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def entry_points() -> str:
    """What `pyproject.toml` offers, in the form of an installed package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["entry-points"].items()
    return "\n".join(
        line for group, points in groups for line in (f"[{group}]", *(f"{n} = {v}" for n, v in points.items()))
    )
