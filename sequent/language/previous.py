"""A step in an earlier iteration of a loop: `load.previous()`, or `previous("load")` for one that is not made yet."""

from __future__ import annotations

from typing import Any, NamedTuple

from eventcore.define.reference import Lookup
from sequent.errors import FlowError, LoopError, RequireError
from sequent.language.placed import Placed
from sequent.language.references import body_name, result_at
from sequent.language.stand_in import FlowReference


class Place(NamedTuple):
    """What a `Previous` comes to for the step that has it."""

    step: Placed
    loop: Placed  #: contains the step, or is the step itself: a function with a loop of its own


class Previous:
    """A step `back` iterations before the present one of a loop: the nearest around it, or the one that is named."""

    def __init__(self, step: Placed | str, back: int = 1, loop: Placed | str | None = None) -> None:
        self.step = step
        self.back = back
        self.loop = loop
        if isinstance(back, bool) or not isinstance(back, int) or back < 1:
            raise FlowError(f"{self!r}: give the number of iterations to go back, 1 or more, not {back!r}")
        if not isinstance(step, (Placed, str)):
            raise FlowError(f"{self!r}: give a step or the name of one, not {step!r}")
        if loop is not None and not isinstance(loop, (Placed, str)):
            raise FlowError(f"{self!r}: its loop must be a container with a loop, or the name of one, not {loop!r}")

    @property
    def result(self) -> PreviousResult:
        """A stand-in for its result, None where there is no such iteration; it implies no order."""
        return PreviousResult(self)

    def place(self, asker: Placed, *, own: bool = False) -> Place:
        """The step and the loop that are meant where `asker` has it.

        With `own`, the nearest loop may be that of `asker` itself, as it is for the arguments of its function. Raises
        a `FlowError` where there is no such step or loop.
        """
        step = asker.named(self.step) if isinstance(self.step, str) else self.step
        if step is None:
            raise RequireError(
                f"step {asker.path!r} refers to {self!r}, but the flow has no step {self.step!r}; name a step"
            )
        looped = [one for one in ([step] if own and step is asker else []) + [*step.containers] if one.loop is not None]
        if not looped:
            raise LoopError(
                f"step {asker.path!r} refers to {self!r}, but {step.path!r} is in no loop, so nothing is before it; "
                "give a container around it a loop"
            )
        if self.loop is None:
            return Place(step, looped[0])
        for loop in looped:
            if loop is self.loop or self.loop in (loop.name, loop.path):
                return Place(step, loop)
        raise LoopError(
            f"step {asker.path!r} refers to {self!r}, but {_shown(self.loop)} is no loop around {step.path!r}; choose "
            f"one of {', '.join(repr(loop.path) for loop in looped)}"
        )

    def __repr__(self) -> str:
        back = [str(self.back)] if self.back != 1 else []
        loop = [f"loop={_shown(self.loop)}"] if self.loop is not None else []
        if isinstance(self.step, Placed):
            return f"{self.step.path}.previous({', '.join(back + loop)})"
        return f"previous({', '.join([repr(self.step), *back, *loop])})"


class PreviousResult(FlowReference):
    """`load.previous().result`; where it stands among a step's arguments, it knows the step."""

    def __init__(self, previous: Previous, asker: Placed | None = None, *, own: bool = False) -> None:
        self._previous = previous
        self._asker = asker
        self._own = own

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        step, loop = place_of(self)
        keys = sequence.split(".")
        around = ".".join(keys[: loop.depth])
        key = lookup.key_before(loop.path, around, keys[loop.depth], self._previous.back)
        if key is None:
            return None
        if loop is step:
            return lookup.result(body_name(step.path), f"{around}.{key}")
        return result_at(lookup, step, ".".join([around, key, *keys[loop.depth + 1 : step.depth]]))

    def __repr__(self) -> str:
        return f"{self._previous!r}.result"

    def _of(self, asker: Placed, *, own: bool) -> FlowReference:
        return PreviousResult(self._previous, asker, own=own)


def place_of(reference: PreviousResult) -> Place:
    """What the reference comes to; raises a `FlowError` for what is not there."""
    if reference._asker is None:
        raise FlowError(f"{reference!r} belongs to no step; put it among the arguments of one")
    return reference._previous.place(reference._asker, own=reference._own)


def back_of(reference: PreviousResult) -> int:
    """How many iterations before the present one the reference looks."""
    return reference._previous.back


def previous(name: str, n: int = 1, loop: Placed | str | None = None) -> Previous:
    """A step by its name, `n` iterations before: for a step's own arguments and requirement, before it is made.

        flow.add_step("total", add, args=(seq.item, seq.previous("total").result), loop=[1, 2, 3])

    The loop is the nearest around the step, its own included among its arguments, or the one that is named.
    """
    return Previous(name, n, loop)


def _shown(loop: object) -> str:
    return loop.path if isinstance(loop, Placed) else repr(loop)
