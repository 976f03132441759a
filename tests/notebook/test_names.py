"""A flow in a notebook has its name and its store from the notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel
from visual.errors import NotBegunError
from visual.page.engines import program_of

SEQUENT = [sys.executable, "-c", "from sequent.cli import main; main()"]


def test_they_are_those_of_the_notebooks_file(kernel: Kernel, folder: Path) -> None:
    cell = kernel.run("flow = seq.Sequent()\nprint(flow.name, flow.store, flow.file)")
    assert cell.stdout == f"analysis {folder}/analysis.run.db {folder}/analysis.ipynb\n"


def test_a_flow_with_a_name_keeps_its_runs_there_too(kernel: Kernel, folder: Path) -> None:
    cell = kernel.run("flow = seq.Sequent('nightly')\nprint(flow.name, flow.store)")
    assert cell.stdout == f"nightly {folder}/analysis.run.db\n"


def test_they_stay_when_the_notebook_changes_its_working_folder(kernel: Kernel, folder: Path) -> None:
    cell = kernel.run(f"import os\nos.chdir('/')\nprint(seq.Sequent().store)\nos.chdir({str(folder)!r})")
    assert cell.stdout == f"{folder}/analysis.run.db\n"


def test_a_path_relative_to_the_servers_folder_is_that_of_the_file_beside(kernel: Kernel, folder: Path) -> None:
    said = "os.environ['JPY_SESSION_NAME']"
    cell = kernel.run(f"import os\nkept, {said} = {said}, 'some/where/other.ipynb'\nprint(seq.Sequent().store)\n"
                      f"{said} = kept")  # fmt: skip
    assert cell.stdout == f"{folder}/other.run.db\n"


def test_vs_code_names_the_file_in_a_variable(kernel: Kernel, folder: Path) -> None:
    path = str(folder / "coded.ipynb")
    cell = kernel.run(f"__vsc_ipynb_file__ = {path!r}\nprint(seq.Sequent().store)\ndel __vsc_ipynb_file__")
    assert cell.stdout == f"{folder}/coded.run.db\n"


def test_where_the_file_is_unknown_they_are_called_notebook(kernel: Kernel, folder: Path) -> None:
    cell = kernel.run("import os\nkept = os.environ.pop('JPY_SESSION_NAME')\nflow = seq.Sequent()\n"
                      "print(flow.name, flow.store, flow.file)\nos.environ['JPY_SESSION_NAME'] = kept")  # fmt: skip
    assert cell.stdout == f"notebook {folder}/notebook.run.db None\n"


def test_the_shell_says_that_the_notebook_has_the_program(kernel: Kernel, folder: Path) -> None:
    kernel.run("flow = seq.Sequent('read')\nflow.add_step('fails', int, args=('x',))\nflow.run(run_id='one')")
    command = [*SEQUENT, "recover", f"{folder}/analysis.run.db", "--run-id", "one"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    there = "go on with it there: flow.run(run_mode='recover', run_id='one')"
    assert f"run 'one' was started in the notebook {folder}/analysis.ipynb; {there}\n" in said.stderr


def test_the_page_says_so_too() -> None:
    with pytest.raises(NotBegunError, match="run 'one' was started in a notebook; go on with it there"):
        program_of({"notebook": ""}, "one", [])
