"""`Asking`: the function of a hidden step that finds out whether a condition holds."""

from __future__ import annotations

from collections.abc import Callable


class Asking:
    """Calls the user's function, or takes the value of a reference, and says whether it is true."""

    def __init__(self, function: Callable[[], object] | None) -> None:
        if function is not None:
            self.func = function  #: by which it is named

    def __call__(self, *found: object) -> bool:
        return bool(found[0] if found else self.func())
