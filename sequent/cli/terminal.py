"""Whether the terminal can show a live view; apart from the view itself, which takes long to import."""

from __future__ import annotations

import os


def is_interactive(descriptor: int = 1) -> bool:
    """Whether it is a terminal that can move its cursor, and this process is in its foreground."""
    if not os.isatty(descriptor) or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # a terminal that has no foreground for this session
        return True
