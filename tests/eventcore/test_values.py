"""Values as text: what goes in comes out, and reading runs nobody's code."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventcore.define.answer import Answer, RequestStatus
from eventcore.define.codecs import NotStorableError
from eventcore.define.values import DEEPEST, decode, encode, encode_result
from visual.values import shown_value


class Colour(Enum):
    """An enum."""

    red = "r"
    blue = ("b", 2)


class Size(IntEnum):
    """An enum whose members are ints."""

    small = 1


class Right(Flag):
    """An enum whose members combine."""

    read = 1
    write = 2


@dataclass(frozen=True)
class Point:
    """A dataclass."""

    x: int
    label: Any = None
    tags: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass
class Box:
    """A dataclass of one field."""

    inside: Any


def unfolded(moment: Any) -> Any:
    """The fold of a local time is not kept."""
    return moment.replace(fold=0)


TAGS = st.sampled_from(["enum", "dataclass", "decimal", "bytes", "dict", "x", "int", "flag", "codec", "file"])
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(exclude_categories=())),
    st.binary(), st.dates(), st.times().map(unfolded), st.datetimes().map(unfolded),
    st.datetimes(timezones=st.just(UTC)).map(unfolded), st.timedeltas(),
    st.decimals(allow_nan=False), st.uuids(), st.complex_numbers(allow_nan=False),
    st.sampled_from([*Colour, *Size, Right.read, Right.read | Right.write, Right(0)]),
    st.builds(Path, st.text(st.characters(categories=["L", "N"]), min_size=1)),
)  # fmt: skip
hashable = st.recursive(leaves, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    hashable,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(hashable, inner, max_size=4)
    | st.dictionaries(st.sampled_from(["$", "v", "a"]), inner) | st.sets(hashable, max_size=3)
    | st.builds(Point, st.integers(), inner, tags=st.lists(st.text(), max_size=2).map(tuple)),
    max_leaves=12,
)  # fmt: skip


def shape(value: Any) -> Any:
    """The value with its types beside it: 1, True and 1.0 are equal and not the same."""
    if isinstance(value, (list, tuple)):
        return type(value), [shape(item) for item in value]
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, map(shape, value)))
    if isinstance(value, Point):
        return Point, value.x, shape(value.label), value.tags
    return type(value), value


@settings(deadline=None)
@given(values)
def test_what_is_written_is_read_back_with_its_types(value: Any) -> None:
    assert shape(decode(encode(value))) == shape(value)


@settings(deadline=None)
@given(values)
def test_the_text_is_json_that_every_database_takes(value: Any) -> None:
    text = encode(value)
    json.loads(text)
    text.encode("utf-8")


@settings(deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.fixed_dictionaries({"$": TAGS, "v": inner}),
    max_leaves=6,
))  # fmt: skip
def test_what_was_never_written_is_an_error_and_nothing_worse(data: Any) -> None:
    with suppress(ValueError):
        decode(json.dumps(data))


def test_records_of_msgspec_come_back_among_them_those_that_an_older_store_has_as_dataclasses() -> None:
    answer = Answer(7, "run", "pause", RequestStatus.done)
    assert decode(encode([answer])) == [answer]
    name = "eventcore.define.answer:Answer"
    written = {"request": 1, "run_id": "r", "verb": "cancel", "status": "done", "reason": None}
    assert decode(json.dumps({"$": "dataclass", "v": [name, written]})) == Answer(1, "r", "cancel", RequestStatus.done)


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN")])
def test_what_is_not_a_number_is_read_back_as_such(value: Any) -> None:
    read = decode(encode(value))
    assert type(read) is type(value)
    assert read != read


@pytest.mark.parametrize(
    ("value", "tag"),
    [(datetime(2026, 1, 2, 3, 4), "datetime"), (date(2026, 1, 2), "date"), (time(3, 4), "time"),
     (timedelta(days=1), "timedelta"), (Decimal("1.10"), "decimal"), (UUID(int=5), "uuid"), (Path("a/b"), "path"),
     (b"\0\xff", "bytes"), (Colour.blue, "enum"), (Point(1), "dataclass"), ((1,), "tuple"), ({1}, "set"),
     pytest.param(10**5000, "int", id="int")],
)  # fmt: skip
def test_the_usual_types_have_a_tag(value: Any, tag: str) -> None:
    assert json.loads(encode(value))["$"] == tag
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "part"),
    [(object(), "the value is of type builtins.object"), ([1, {"a": print}], "the value[1]['a']"),
     (Point(1, label=iter("")), "the value.label"), ({object(): 1}, "a key of the value")],
)  # fmt: skip
def test_what_has_no_form_is_refused_by_its_place(value: Any, part: str) -> None:
    with pytest.raises(NotStorableError) as refused:
        encode(value)
    assert part in str(refused.value)


NESTINGS: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "mapping": lambda inner: {"a": inner},
    "mapping with odd keys": lambda inner: {1: inner},
    "tuple": lambda inner: (inner,),
    "frozenset": lambda inner: frozenset((inner,)),
    "dataclass": Box,
}


def nested(nest: Callable[[Any], Any], levels: int, value: Any = Colour.red) -> Any:
    for _ in range(levels):
        value = nest(value)
    return value


def below(frames: int, action: Callable[[], Any]) -> Any:
    """What the action returns where so many functions have been called already, as in a notebook or a server."""
    return action() if not frames else below(frames - 1, action)


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
def test_values_may_be_nested_a_hundred_levels_deep_wherever_they_are_read(nest: Callable[[Any], Any]) -> None:
    value = nested(nest, DEEPEST)
    assert DEEPEST == 100
    text = below(300, lambda: encode(value))
    assert repr(below(300, lambda: decode(text))) == repr(value)
    assert "Colour.red" in shown_value(text, 100_000)


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
def test_what_stands_side_by_side_is_no_deeper_for_that(nest: Callable[[Any], Any]) -> None:
    value = [nest(Colour.red) for _ in range(DEEPEST + 1)]
    assert decode(encode(value)) == value


@pytest.mark.parametrize("levels", [DEEPEST + 1, 1_000, 100_000])
@pytest.mark.parametrize("nest", [NESTINGS["list"], NESTINGS["mapping"], NESTINGS["tuple"]])
def test_values_that_are_nested_deeper_are_refused(nest: Callable[[Any], Any], levels: int) -> None:
    value = nested(nest, levels)
    with pytest.raises(NotStorableError, match="nested more than 100 levels deep, or contains itself") as refused:
        encode(value)
    assert len(list(walk_tb(refused.value.__traceback__))) <= 3
    with pytest.raises(NotStorableError, match=r"later step refers to .* nested more than 100 levels deep"):
        encode_result(value, True)


def test_a_text_that_is_nested_too_deep_to_be_read_is_an_error_like_any_other() -> None:
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        decode("[" * 100_000 + "]" * 100_000)


def test_a_class_that_could_not_be_found_again_is_refused() -> None:
    @dataclass
    class Local:
        x: int

    with pytest.raises(NotStorableError, match="define it at the top level of a module"):
        encode(Local(1))


@pytest.mark.parametrize("name", ["antigravity:Flyer", "os:system", "builtins:dict", "tests.gone:Gone"])
def test_reading_imports_nothing_and_makes_only_dataclasses_and_enums(name: str) -> None:
    text = json.dumps({"$": "dataclass", "v": [name, {"x": 1}]})
    with pytest.raises(ValueError, match="import it"):
        decode(text)
    assert "antigravity" not in sys.modules


def test_reading_does_not_have_a_module_import_what_it_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    offering = ModuleType("offering")
    vars(offering)["__getattr__"] = asked.append
    monkeypatch.setitem(sys.modules, "offering", offering)
    with pytest.raises(ValueError, match="import it"):
        decode(json.dumps({"$": "dataclass", "v": ["offering:Flyer", {"x": 1}]}))
    assert asked == []


class Rude:
    """Even its text is refused."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclass(frozen=True, repr=False)
class RudeKey(Rude):
    """An item at this key has a place that cannot be named."""

    number: int = 1


@dataclass(slots=True)
class Record:
    """A class whose objects may lack their field."""

    number: int


EMPTIED = Record(1)
del EMPTIED.number


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


IN_TOKYO = time(12, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (print, "<built-in function print>"),
        (Rude(), "<Rude>"),
        (ITSELF, "[[...]]"),
        ({RudeKey(): 1}, "<dict>"),
        (EMPTIED, "<Record>"),
        (IN_TOKYO, repr(IN_TOKYO)),
    ],
)
def test_a_result_that_cannot_be_stored_is_kept_as_its_text_unless_it_is_needed(value: Any, kept: str) -> None:
    assert decode(encode_result(value, needed=False).text) == kept
    with pytest.raises(NotStorableError, match="a later step refers to this step's result"):
        encode_result(value, needed=True)


def test_what_is_stored_is_json_also_where_numbers_are_not_finite() -> None:
    value = {"a": [math.nan, -math.inf, complex(math.nan, -math.inf)], "b": complex(-0.0, 1.5)}
    text = encode(value)
    json.loads(text, parse_constant=pytest.fail)
    assert repr(decode(text)) == repr(value)


@dataclass
class Picky:
    """A class whose objects cannot always be made."""

    number: int

    def __post_init__(self) -> None:
        if self.number > 1:
            raise RuntimeError("too many")


def test_an_object_that_its_class_refuses_to_make_again_is_an_error_of_the_value() -> None:
    text = encode([Picky(1)])
    assert decode(text) == [Picky(1)]
    with pytest.raises(ValueError, match=r"no object of class \S*:Picky can be made of it: RuntimeError: too many"):
        decode(text.replace("1}", "2}"))


def test_a_value_that_is_nested_too_deeply_to_be_read_is_an_error_of_the_value() -> None:
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        decode("[" * 100_000 + "]" * 100_000)
