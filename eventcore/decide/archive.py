"""What decisions may read from the store."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from eventcore.define.scopes import Slice
from eventcore.define.status import TaskStatus


class ItemCount(NamedTuple):
    """What is recorded of a loop, without the items themselves."""

    size: int
    keyed: bool
    recovery: int = 0  #: under which they are recorded


class Archive(Protocol):
    """The store as the rules see it."""

    def item_count(self, step: str, sequence: str) -> ItemCount | None:
        """How many items are recorded of what the step computed at the sequence; None where nothing is."""

    def item_slices(self, step: str, sequence: str, first: int) -> Iterator[Slice]:
        """The recorded items, from the slice that has number `first`."""

    def iteration_number(self, scope: str, sequence: str) -> int | None:
        """Which iteration of its loop stands at the sequence, from 1; None where none was begun there."""

    def last_error(self, step: str, sequence: str) -> tuple[str | None, str | None]:
        """The error and the traceback of the task's latest try that failed in this recovery."""

    def clean_iterations(self, scope: str, around: str) -> Iterator[int]:
        """The numbers of the iterations inside the sequence `around` that an earlier recovery ended clean."""

    def iteration(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        """The facts and tasks of this recovery that an iteration had when it left memory."""

    def ended(self, scope: str, sequence: str) -> Iterator[tuple[str, TaskStatus]]:
        """How the tasks of an iteration stood in the latest recovery that walked it."""
