"""What fits into a step's environment."""

from __future__ import annotations

import os

STEP_VARIABLE = "EVENTCORE_STEP"  #: of steps that have events of their own: where the programs they start emit those
LONGEST_VARIABLE = 100_000  #: bytes; with a longer one in its environment, a step could start no program on Linux


def fits_environment(text: str) -> bool:
    """Whether an environment can hold the text; steps also find it in their arguments and in `current()`."""
    try:
        return "\0" not in text and len(os.fsencode(text)) <= LONGEST_VARIABLE
    except UnicodeEncodeError:
        return False
