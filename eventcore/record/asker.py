"""Who this process acts for, as runs and requests record it."""

from __future__ import annotations

import getpass
import os
import socket


def this_user() -> str:
    """The name of the user whom this process runs for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def asker() -> str:
    """The user and the host, as requests record them."""
    return f"{this_user()}@{socket.gethostname()}"
