"""What stays in the process in which the program is built, and cannot be sent to a worker."""

from __future__ import annotations

import copy
from typing import Any, NoReturn, Self

from eventcore.errors import ProgramError


class Resident:
    """Base of programs, their steps and references: pickling them is an error with a remedy, copying them is not."""

    def _why_resident(self) -> str:
        """Why it cannot be sent, and what to send instead."""
        raise NotImplementedError

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise ProgramError(self._why_resident())

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = memo[id(self)] = object.__new__(type(self))
        vars(made).update(copy.deepcopy(vars(self), memo))
        return made
