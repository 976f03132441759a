"""Data between steps: results and items as arguments."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import sequent as seq
from eventcore.define.values import decode
from sequent.errors import LoopError
from tests.support import boom, flow, rows


class Colour(Enum):
    """An enum."""

    red = 1


@dataclass(frozen=True)
class Point:
    """A dataclass."""

    x: int
    day: date


VALUES: list[Any] = [
    None, True, 5, 10**30, 1.5, "ä", b"\0", datetime(2026, 1, 2, tzinfo=UTC), date(2026, 1, 2), timedelta(1),
    Decimal("1.10"), UUID(int=1), Path("a/b"), Colour.red, Point(1, date(2026, 1, 2)), (1, (2,)), {1, 2},
    frozenset("a"), {"a": [1], 2: {"$": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_every_usual_type_reaches_the_step_that_refers_to_it(construct: str, tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db", task_construct=construct)
    makes = f.add_step("makes", lambda: VALUES)
    f.add_step("takes", lambda got: [type(v).__name__ for v in got] + [repr(got)], args=(makes.result,))
    assert f()
    [(text,)] = rows(f.store, "select value from {results} where step = 'takes'")
    expected = [type(value).__name__ for value in VALUES]
    assert decode(text)[: len(expected)] == expected


def received(value: Any, **config: Any) -> Any:
    """What a step gets of another's result."""
    got: list[Any] = []
    f = flow(**config)
    makes = f.add_step("makes", lambda: value)
    f.add_step("takes", got.append, (makes.result,))
    assert f()
    return got[0]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_result_comes_as_it_was(value: Any) -> None:
    assert received(value) == value


@pytest.mark.sqlite
def test_a_big_result_goes_to_a_file_and_comes_back(tmp_path: Path) -> None:
    got: list[Any] = []
    f = flow(tmp_path / "run.db", max_result_size=100)
    makes = f.add_step("makes", lambda: "x" * 1000)
    f.add_step("takes", got.append, (makes.result,))
    assert f()
    assert got == ["x" * 1000]
    assert list((tmp_path / "run.db.results").rglob("*.json*")) or list((tmp_path / "run.db.results").rglob("*"))


def test_a_reference_stands_anywhere_among_args_and_kwargs_and_implies_the_order() -> None:
    got: list[Any] = []
    f = flow()
    late = f.add_step("late", lambda: 5, delay=0.05)
    f.add_step(
        "s",
        lambda *a, **k: got.append((a, k)),
        args=([late.result, 1], {"a": (late.result,)}),
        kwargs={"n": late.result},
    )
    assert f()
    assert got == [(([5, 1], {"a": (5,)}), {"n": 5})]


def test_a_result_belongs_to_the_iteration_of_the_one_that_asks() -> None:
    got: list[Any] = []
    f = flow(task_construct="thread", max_concurrent=4)
    setup = f.add_step("setup", lambda: "once")
    c = f.add_step("c", loop=[1, 2, 3], concurrent=3)
    square = c.add_step("square", lambda n: n * n, args=(c.item,))
    c.add_step("take", lambda *a: got.append(a), args=(c.item, square.result, setup.result))
    assert f()
    assert sorted(got) == [(1, 1, "once"), (2, 4, "once"), (3, 9, "once")]


@pytest.mark.parametrize(
    ("loop", "result"), [([1, 2, 3], [2, 4, 6]), ({"a": 1, "b": 2}, {"a": 2, "b": 4}), ([], []), (lambda: [1], [2])]
)
def test_the_result_of_a_looped_leaf_is_a_list_or_a_mapping(loop: Any, result: Any) -> None:
    got: list[Any] = []
    f = flow()
    leaf = f.add_step("leaf", lambda: seq.current().item * 2, loop=loop)
    f.add_step("takes", got.append, (leaf.result,))
    assert f()
    assert got == [result]


def test_a_result_of_a_step_that_failed_is_none_where_its_failure_is_required() -> None:
    got: list[Any] = []
    f = flow()
    fails = f.add_step("fails", boom)
    f.add_step("takes", got.append, (fails.result,), require=((fails, seq.STEP_COMPLETE),))
    assert f()
    assert got == [None]


def test_a_result_that_cannot_be_stored_fails_its_step_only_where_something_refers_to_it(tmp_path: Path) -> None:
    f = flow(tmp_path / "alone.db")
    f.add_step("makes", object)
    assert f()
    f = flow(tmp_path / "referred.db")
    makes = f.add_step("makes", object)
    f.add_step("takes", print, (makes.result,))
    assert not f()
    [(error,)] = rows(f.store, "select error from {attempts}")
    assert "a later step refers to this step's result" in error
    assert "builtins.object" in error


def test_a_step_that_changes_its_item_changes_no_other_steps() -> None:
    got: list[Any] = []

    def spoils(item: dict[str, int]) -> None:
        item["n"] += 1

    f = flow()
    c = f.add_step("c", loop=[{"n": 1}])
    first = c.add_step("first", spoils, (c.item,))
    c.add_step("second", got.append, (c.item,), require=((first, seq.STEP_SUCCESS),))
    assert f()
    assert got == [{"n": 1}]


def test_a_skipped_steps_result_is_carried_over_to_recovery(tmp_path: Path) -> None:
    got: list[Any] = []
    broken = [True]

    def takes(value: Any) -> None:
        if broken[0]:
            boom()
        got.append(value)

    for mode in (seq.RunMode.restart, seq.RunMode.recover, seq.RunMode.recover):
        f = flow(tmp_path / "run.db", mode)
        makes = f.add_step("makes", lambda: {"a": (1,)})
        f.add_step("takes", takes, (makes.result,))
        f()
        broken[0] = False
    assert got == [{"a": (1,)}]


def about() -> dict[str, Any]:
    """What a step of a flow can know."""
    me = seq.current()
    environment = {name: value for name, value in os.environ.items() if name.startswith("SEQUENT_")}
    return {
        "name": me.name, "sequence": me.sequence, "recovery": me.recovery, "try": me.try_number, "run": me.run_id,
        "key": me.idempotency_key, "item": me.item, "environment": environment,
    }  # fmt: skip


@pytest.mark.parametrize("construct", ["process", "thread", "invoke", "async"])
def test_a_step_knows_its_instance_and_its_item_in_every_executor(tmp_path: Path, construct: str) -> None:
    f = flow(tmp_path / "run.db", run_id="mine", task_construct=construct)
    c = f.add_step("c", loop=[{"day": date(2026, 1, 2)}])
    c.add_step("d").add_step("s", about)
    assert f()
    [(text,)] = rows(f.store, "select value from {results} where step = 'c/d/s'")
    found = decode(text)
    environment = found.pop("environment")
    assert found == {
        "name": "c/d/s", "sequence": "1.1.1", "recovery": 0, "try": 1, "run": "mine", "key": "mine/c/d/s@1.1.1",
        "item": {"day": date(2026, 1, 2)},
    }  # fmt: skip
    if construct == "process":
        assert environment == {
            "SEQUENT_STEP_NAME": "c/d/s", "SEQUENT_STEP_SEQUENCE": "1.1.1", "SEQUENT_STEP_RECOVERY": "0",
            "SEQUENT_LOOP_VALUE": "{'day': datetime.date(2026, 1, 2)}",
        }  # fmt: skip


@pytest.mark.parametrize("item", ["x" * 200_000, "a\0b", "a\ud800b"], ids=["long", "NUL", "half a character"])
def test_an_item_that_no_environment_takes_still_reaches_its_step(item: str) -> None:
    def step(got: str) -> None:
        assert got == seq.current().item
        assert "SEQUENT_LOOP_VALUE" not in os.environ
        subprocess.run(["true"], check=True)

    f = flow(task_construct="process")
    c = f.add_step("c", loop=[item])
    c.add_step("s", step, (c.item,))
    assert f()


def test_the_item_is_the_nearest_loops_and_none_outside() -> None:
    got: list[Any] = []
    f = flow()
    f.add_step("outside", lambda: got.append(seq.current().item))
    a = f.add_step("a", loop=["outer"])
    a.add_step("near", lambda: got.append(seq.current().item))
    a.add_step("b", loop=["inner"]).add_step("s", lambda: got.append(seq.current().item))
    a.add_step("leaf", lambda: got.append(seq.current().item), loop=["own"])
    assert f()
    assert sorted(got, key=str) == [None, "inner", "outer", "own"]


def test_item_among_the_arguments_is_that_of_the_nearest_loop_a_steps_own_included() -> None:
    got: list[Any] = []
    made = flow()
    made.add_step("alone", lambda item, more: got.append((item, more)), args=(seq.item,), kwargs={"more": [seq.item]},
                  loop=["a", "b"])  # fmt: skip
    outer = made.add_step("outer", loop={"k": 1})
    box = outer.add_step("box")
    box.add_step("inner", got.append, args=(seq.item,))
    assert made.run()
    assert sorted(map(str, got)) == ["('a', ['a'])", "('b', ['b'])", "1"]


def test_item_where_no_loop_is_around_is_an_error() -> None:
    with pytest.raises(LoopError, match="is not in a loop"):
        flow().add_step("alone", print, args=(seq.item,))
