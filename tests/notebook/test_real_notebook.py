"""A notebook as somebody would write it, run by a real kernel from top to bottom: each cell shows what it shows here.

`sales.ipynb` is kept with its outputs. After a change on purpose, `python -m tests.notebook.test_real_notebook` writes
them anew.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

import eventcore as evr
from eventcore.define.status import TaskStatus
from tests.notebook.kernels import PATIENCE, over_files, surroundings

#: Run ids, times, addresses, and the marks of tracebacks, which each version of Python puts elsewhere.
CHANGING = {
    r"\d{8}-\d{6}-[0-9a-f]{6}": "RUN",
    r"(\d+ min )?\d+(\.\d+)? s\b": "N s",
    r"0x[0-9a-f]+": "0x",
    r"\n +[~^]+(?=\n)": "",
}

NOTEBOOK = Path(__file__).with_name("sales.ipynb")


def executed(folder: Path) -> NotebookNode:
    """The notebook, run in a folder of its own from top to bottom."""
    shutil.copy(NOTEBOOK, folder)
    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    environment = surroundings(folder) | {"JPY_SESSION_NAME": str(folder / NOTEBOOK.name)}
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:
        config = Config({"KernelManager": over_files(sockets)})
        place = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=int(PATIENCE), resources=place, config=config).execute(env=environment)
    return notebook


def shown(cell: NotebookNode) -> list[tuple[list[str], str]]:
    """What stands below a cell: its media types, and its text without what differs from run to run."""
    return [_shown(output) for output in cell.get("outputs", [])]


def _shown(output: NotebookNode) -> tuple[list[str], str]:
    data: dict[str, Any] = output.get("data", {"stream": output.get("text", "")})
    text = str(data.get("text/plain", data.get("stream", "")))
    for pattern, word in CHANGING.items():
        text = re.sub(pattern, word, text)
    return sorted(data), text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sales")


@pytest.fixture(scope="module")
def played(folder: Path) -> NotebookNode:
    return executed(folder)


def test_each_cell_shows_what_it_shows_in_the_file(played: NotebookNode) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(kept)
    assert [shown(cell) for cell in played.cells] == [shown(cell) for cell in kept.cells]


def test_its_run_is_in_a_store_beside_it(played: NotebookNode, folder: Path) -> None:
    run = evr.stored_run(folder / "sales.run.db")
    assert {task.status for task in run.tasks()} <= {TaskStatus.success, TaskStatus.skipped}
    assert run.results("regions/read") == {"1.1": 60.0, "1.2": 7.5, "1.3": 20.0}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        nbformat.write(executed(Path(place)), NOTEBOOK)
