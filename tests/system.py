"""What tests need of the system. What is missing is a skip with its reason; with CI=true it is a failure."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def not_there(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def system_command(name: str) -> str:
    """The path of a command of the system."""
    found = shutil.which(name)
    if found is None:
        left_alone = " and SYSTEM=no left the machine alone" if os.environ.get("SYSTEM") == "no" else ""
        not_there(f"there is no {name}{left_alone}; as root, `sh tests/packages.sh` installs it")
    return found
