"""Whether code of a notebook changed is told by what it does, not by where it stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from eventcore.run.cells import code_of

FUNCTION = """
import json
SIZE = 3
RATES = (1, frozenset({"a", "b", "c", "d"}))
TABLE = [1, 2]

class Base:
    unit = "m"

class Shape(Base):
    scale: int = 2

    @property
    def area(self):
        return self.scale

    @classmethod
    def made(cls):
        return cls()

def helper(x):
    return [y + SIZE for y in x]

def wrapping(x):
    def inner(y, *, z=1):
        return (helper(y), z, x, RATES, TABLE, Shape.made(), json.dumps(x))
    return inner

work = wrapping(5)
"""


def defined(source: str, name: str = "work") -> Callable[..., Any]:
    """What a cell with this source defines under a name."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, f"cell {hash(source)}", "exec"), space)  # noqa: S102  cells are run like this
    function: Callable[..., Any] = space[name]
    return function


def test_its_place_and_its_comments_do_not_matter() -> None:
    moved = "# a comment\n\n\n" + FUNCTION.replace("return inner", "return inner  # it")
    assert code_of(defined(moved)) == code_of(defined(FUNCTION)) is not None


@pytest.mark.parametrize(("old", "new"), [
    ("SIZE = 3", "SIZE = 4"),
    ('{"a", "b", "c", "d"}', '{"a", "b", "c"}'),
    ("y + SIZE", "y - SIZE"),
    ("z=1", "z=2"),
    ("wrapping(5)", "wrapping(6)"),
    ('unit = "m"', 'unit = "km"'),
    ("scale: int = 2", "scale: int = 3"),
    ("return self.scale", "return self.scale + 1"),
    ("return cls()", "return cls"),
    ("json.dumps(x)", "json.loads(x)"),
])  # fmt: skip
def test_what_it_does_and_uses_matters(old: str, new: str) -> None:
    assert old in FUNCTION
    assert code_of(defined(FUNCTION.replace(old, new))) != code_of(defined(FUNCTION))


def test_data_that_it_uses_does_not_matter() -> None:
    assert code_of(defined(FUNCTION.replace("TABLE = [1, 2]", "TABLE = [3]"))) == code_of(defined(FUNCTION))


def test_what_is_imported_has_its_code_in_a_file() -> None:
    assert [code_of(function) for function in (None, print, defined, partial(print, 1))] == [None] * 4


def test_objects_that_are_called_count_with_what_they_hold() -> None:
    source = """
class Add:
    def __init__(self, n):
        self.n = n
    def __call__(self, x):
        return self.n + x
"""
    one, two = (code_of(defined(f"{source}add = Add({n})", "add")) for n in (1, 2))
    assert one is not None
    assert one != two
    assert code_of(partial(defined(FUNCTION), 3)) == code_of(defined(FUNCTION))


def test_a_number_may_be_of_any_size() -> None:
    source = "SIZE = 1 << 50_000\ndef work():\n    return SIZE\n"
    assert code_of(defined(source)) != code_of(defined(source.replace("1 <<", "3 <<"))) is not None


def test_functions_that_call_each_other_come_to_an_end() -> None:
    source = "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n"
    assert code_of(defined(source, "even")) != code_of(defined(source.replace("n != 0", "n > 0"), "even"))


def test_an_object_that_is_not_ready_to_be_looked_at_is_let_alone() -> None:
    source = """
class Lazy:
    @property
    def __class__(self):
        raise RuntimeError("not connected")
    def __getattr__(self, name):
        raise RuntimeError("not connected")
class Work:
    def __init__(self):
        self.lazy = Lazy()
    def __call__(self):
        return lazy
lazy = Lazy()
work = Work()
"""
    assert code_of(defined(source)) is not None
    assert code_of(defined(source, "lazy")) is not None
