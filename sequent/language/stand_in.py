"""`FlowReference`: what stands in a flow for a value that is not known before the run; and references to its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from eventcore.define.reference import Lookup, Reference, references_in
from sequent.errors import FlowError
from sequent.language.parts import Part, taken
from sequent.language.placed import Placed

if TYPE_CHECKING:
    from sequent.language.conditions import Comparison, Condition


class FlowReference(Reference):
    """A stand-in: it has references to parts of the value, and can be compared; the rest it refuses, with a remedy.

    Members have names with `_` in front, as every other name is that of a part.
    """

    __hash__ = Reference.__hash__
    __array_ufunc__ = None  #: has numbers of NumPy leave comparisons to the reference

    def __str__(self) -> NoReturn:
        raise FlowError(self._no_text)

    def __format__(self, spec: str) -> NoReturn:
        raise FlowError(self._no_text)

    def __bool__(self) -> NoReturn:
        raise FlowError(
            f"{self._unknown}, so it is neither true nor false yet; decide in the function that gets it, or let a step "
            "start only when=... it is true; join conditions with &, | and ~"
        )

    if not TYPE_CHECKING:  # mypy is to find such a use by itself

        def __iter__(self) -> NoReturn:
            raise FlowError(
                f"{self._unknown}, so it cannot be iterated over yet; give it to a step as its loop, or pass it as an "
                "argument, args=(...,) for one, and iterate in the function"
            )

        def __len__(self) -> NoReturn:
            raise FlowError(f"{self._unknown}, so it has no length yet; pass it as an argument")

        def __contains__(self, part: object) -> NoReturn:
            raise FlowError(f"{self._unknown}, nor what it contains; pass it as an argument and look in the function")

    def __getitem__(self, key: str | int | slice) -> PartReference:
        if isinstance(key, bool) or not isinstance(key, (str, int, slice)):
            raise FlowError(f"{self!r}[...]: a part is named by text, a number or a slice, not by {key!r}")
        return PartReference(self, (Part(key),))

    def __getattr__(self, name: str) -> PartReference:
        if name.startswith("_"):  # what Python and libraries ask for, also of an object that is being copied
            raise AttributeError(name)
        return PartReference(self, (Part(name, is_name=True),))

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]
        return _compared(self, "==", other)

    def __ne__(self, other: object) -> Comparison:  # type: ignore[override]
        return _compared(self, "!=", other)

    def __lt__(self, other: object) -> Comparison:
        return _compared(self, "<", other)

    def __le__(self, other: object) -> Comparison:
        return _compared(self, "<=", other)

    def __gt__(self, other: object) -> Comparison:
        return _compared(self, ">", other)

    def __ge__(self, other: object) -> Comparison:
        return _compared(self, ">=", other)

    def __and__(self, other: FlowReference) -> Condition:
        return _joined("&", self, other)

    def __rand__(self, other: FlowReference) -> Condition:
        return _joined("&", other, self)

    def __or__(self, other: FlowReference) -> Condition:
        return _joined("|", self, other)

    def __ror__(self, other: FlowReference) -> Condition:
        return _joined("|", other, self)

    def __invert__(self) -> Condition:
        from sequent.language.conditions import Not

        return Not(self)

    @property
    def _unknown(self) -> str:
        return f"{self!r} is not known before the run"

    @property
    def _no_text(self) -> str:
        return f"{self._unknown}, so it has no text yet; pass {self!r} as an argument and make the text in the function"

    def _of(self, asker: Placed, *, own: bool) -> FlowReference:
        """It as the reference of step `asker`, which may need it; `own` says whether its own loop is the nearest."""
        return self

    def _sources(self) -> Iterator[FlowReference]:
        """The references without parts and conditions of which it is made."""
        yield self

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        """It with `replace` applied to its sources."""
        return replace(self)


class PartReference(FlowReference):
    """`rows.result["n"]`, `rows.result.total.net`: a part of what a reference stands for."""

    def __init__(self, whole: FlowReference, parts: tuple[Part, ...]) -> None:
        self._whole: FlowReference = whole._whole if isinstance(whole, PartReference) else whole
        self._parts: tuple[Part, ...] = (*whole._parts, *parts) if isinstance(whole, PartReference) else parts

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`; raises `PartError` where the value has no such part."""
        return taken(self._whole.resolve(lookup, sequence), self._parts, repr(self._whole))

    def __repr__(self) -> str:
        return repr(self._whole) + "".join(map(str, self._parts))

    def _sources(self) -> Iterator[FlowReference]:
        return self._whole._sources()

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        return PartReference(self._whole._mapped(replace), self._parts)


def sources_in(value: Any) -> Iterator[FlowReference]:
    """The references in `value`, in what it is made of and in conditions there, without the parts they speak of."""
    for reference in references_in(value):
        if isinstance(reference, FlowReference):
            yield from reference._sources()


def source_of(reference: FlowReference) -> FlowReference:
    """What a reference to a part refers to a part of; any other reference itself."""
    return reference._whole if isinstance(reference, PartReference) else reference


def parts_of(reference: FlowReference) -> str:
    """How the parts are written that lead from `source_of` to the reference."""
    return "".join(map(str, reference._parts)) if isinstance(reference, PartReference) else ""


def _compared(left: FlowReference, operator: str, right: object) -> Comparison:
    from sequent.language.conditions import Comparison

    return Comparison(left, operator, right)


def _joined(operator: str, *parts: FlowReference) -> Condition:
    from sequent.language.conditions import Joined

    return Joined(operator, parts)
