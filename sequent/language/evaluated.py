"""`Evaluated`: the function of the step that evaluates a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Evaluated:
    """Calls the user's function, or takes the value of a reference, and says whether it is true."""

    def __init__(self, function: Callable[[], Any] | None) -> None:
        self._function = function

    def __call__(self, *value: Any) -> bool:
        return bool(value[0] if self._function is None else self._function())
