"""Whether a history of operations by several clients can be explained by one object that did them one after another.

Each operation took effect at one moment between its call and its return, or its client was killed meanwhile: then at
some later moment, or never. The search is that of Wing and Gong: try each operation that may come next, and remember
where that led to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

NEVER = 2**63

State = TypeVar("State", bound=Hashable)


class Operation(msgspec.Struct, frozen=True):
    """What one client asked, when, and what it heard."""

    client: str
    name: str
    argument: Any
    called: int
    returned: int = NEVER  #: `NEVER` where nobody knows whether it took effect
    answer: Any = None
    again: bool = False  #: whether it was asked again, as no answer had come

    @property
    def is_known(self) -> bool:
        """Whether it returned."""
        return self.returned != NEVER


Step = Callable[[State, Operation], Iterable[State]]


def is_linearizable(history: Sequence[Operation], initial: State, step: Step[State]) -> bool:
    """Whether the history is possible; `step` gives the states in which an operation with its answer may leave one."""
    operations = sorted(history, key=lambda operation: operation.called)
    known = sum(1 << number for number, operation in enumerate(operations) if operation.is_known)
    seen: set[tuple[int, State]] = set()
    todo = [(0, initial)]
    while todo:
        done, state = todo.pop()
        if done & known == known:
            return True
        for number in _next(operations, done):
            for after in step(state, operations[number]):
                found = done | 1 << number, after
                if found not in seen:
                    seen.add(found)
                    todo.append(found)
    return False


def _next(operations: Sequence[Operation], done: int) -> list[int]:
    """The operations that may come next: those that were called before any other one returned."""
    found, earliest = list[int](), NEVER
    number = (~done & done + 1).bit_length() - 1  # the first that is not done
    while number < len(operations) and operations[number].called <= earliest:
        if not done >> number & 1:
            found.append(number)
            earliest = min(earliest, operations[number].returned)
        number += 1
    return [number for number in found if operations[number].called <= earliest]


class Lease(msgspec.Struct, frozen=True):
    """What a lease and the turns that it fences must look like from outside."""

    holder: str | None = None
    turn: int = 0
    written: int = 0


def leases(counts_turns: bool) -> Step[Lease]:
    """How operations change a lease; any engine may take one, since nobody but a clock knows when it was silent."""

    def step(lease: Lease, operation: Operation) -> list[Lease]:
        token, answer = operation.argument, operation.answer
        if operation.name == "read":
            return [lease] if answer == [lease.holder, lease.written] else []
        if operation.name == "take":
            taken = Lease(token, lease.turn + 1, lease.written)
            if answer == "refused":
                return [lease] if lease.holder is not None else []
            return [taken] if not operation.is_known or answer == taken.turn else []
        if operation.name == "give up":
            return [Lease(None, lease.turn, lease.written) if lease.holder == token else lease]
        written = [Lease(token, lease.turn + counts_turns, lease.written + 1)] if lease.holder == token else []
        if answer == "lost":  # asked again, it may have been written and then lost
            return [lease] if lease.holder != token else written if operation.again else []
        return written

    return step
