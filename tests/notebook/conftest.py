"""One kernel for the tests of a file: they take turns in it, each with names of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the notebook lies."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[Kernel]:
    """The kernel of a notebook `analysis.ipynb`, started as the Jupyter server does."""
    started = Kernel(folder, {"JPY_SESSION_NAME": str(folder / "analysis.ipynb")})
    try:
        started.run("import sequent as seq\nimport eventcore as evr")
        yield started
    finally:
        started.close()
