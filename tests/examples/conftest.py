"""Examples run as their users run them: as programs of their own, in a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.examples.support import EXAMPLES, RunExample, run_python


@pytest.fixture
def run_example(tmp_path: Path) -> RunExample:
    """Copies an example to the test's folder and runs it there; its store lies beside it."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        shutil.copy(EXAMPLES / name, tmp_path)
        return run_python(name, *arguments, cwd=tmp_path)

    return run
