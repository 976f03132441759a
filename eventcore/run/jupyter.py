"""The Jupyter kernel that this process is, if it is one: asked without importing anything of Jupyter."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

#: The name of programs in a notebook whose file is unknown.
UNNAMED = "notebook"


def shell() -> Any:
    """IPython's shell if this process is the kernel of a notebook, else None."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    found = None if ask is None else ask()
    return found if getattr(found, "kernel", None) is not None else None


def notebook_file() -> str | None:
    """The notebook that runs in this kernel, where VS Code or the Jupyter server say so."""
    if shell() is None:
        return None
    said = vars(sys.modules["__main__"]).get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if not isinstance(said, str) or not said.endswith(".ipynb"):
        return None
    beside = Path.cwd() / Path(said).name  # where the server names it relative to its own folder
    return next((str(path) for path in (Path(said).absolute(), beside) if path.parent.is_dir()), None)


def name_of(value: object, otherwise: str = "flow") -> str:
    """The notebook's variable that has a value."""
    found = (name for name, held in list(vars(sys.modules["__main__"]).items()) if held is value)
    return next((name for name in found if not name.startswith("_")), otherwise)
