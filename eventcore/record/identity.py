"""Who uses the store: the user and host recorded with runs and requests."""

from __future__ import annotations

import getpass
import os
import socket

NOTES = "eventcore.notes"  #: the logger of what users are told about other runs than the one they asked for


def user() -> str:
    """The name of the user; the number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()
