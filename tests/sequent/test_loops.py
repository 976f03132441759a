"""Loops: what may be walked, and how its iterations run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import sequent as seq
from eventcore.act.observer import AttemptFailed
from eventcore.decide.rerunning import Rerun
from sequent.errors import LoopError
from tests.support import Recorder, boom, flow, rows


def pairs(ran: list[Any]) -> Callable[[], None]:
    """A step that notes its sequence and its item."""
    return lambda: ran.append((seq.current().sequence, seq.current().item))


def counted() -> Iterator[int]:
    """A generator."""
    yield from (10, 20)


LOOPS: dict[str, tuple[Any, list[tuple[str, Any]]]] = {
    "a list": ([10, 20], [("1.1", 10), ("1.2", 20)]),
    "a tuple": ((10, 20), [("1.1", 10), ("1.2", 20)]),
    "a range": (range(2), [("1.1", 0), ("1.2", 1)]),
    "a generator": (counted, [("1.1", 10), ("1.2", 20)]),
    "a generator begun": (iter([10, 20]), [("1.1", 10), ("1.2", 20)]),
    "a text": ("ab", [("1.1", "a"), ("1.2", "b")]),
    "a mapping": ({"de": 49, "fr": 33}, [("1.de", 49), ("1.fr", 33)]),
    "a mapping with numbers as keys": ({7: "x"}, [("1.7", "x")]),
    "a callable": (lambda: [10, 20], [("1.1", 10), ("1.2", 20)]),
    "a callable that gives a mapping": (lambda: {"a": 1}, [("1.a", 1)]),
    "items of any storable type": ([(1, None), {"a": {2}}], [("1.1", (1, None)), ("1.2", {"a": {2}})]),
    "the same item twice": ([5, 5], [("1.1", 5), ("1.2", 5)]),
    "one item": ([None], [("1.1", None)]),
    "nothing": ([], []),
    "an empty mapping": ({}, []),
    "a callable that gives nothing": (list, []),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_a_container_walks_any_iterable_mapping_or_callable(kind: str) -> None:
    loop, expected = LOOPS[kind]
    ran: list[Any] = []
    f = flow()
    if kind == "a generator begun":
        loop = iter([10, 20])
    f.add_step("c", loop=loop).add_step("s", pairs(ran))
    assert f()
    assert ran == expected


@pytest.mark.parametrize("kind", LOOPS)
def test_a_leaf_can_have_a_loop_of_its_own(kind: str) -> None:
    loop, expected = LOOPS[kind]
    ran: list[Any] = []
    f = flow()
    if kind == "a generator begun":
        loop = iter([10, 20])
    f.add_step("s", pairs(ran), loop=loop)
    assert f()
    assert ran == expected


@pytest.mark.parametrize("found", [[1, 2, 3], {"a": 1}, []])
def test_a_loop_walks_an_earlier_steps_result(found: Any) -> None:
    ran: list[Any] = []
    f = flow()
    files = f.add_step("files", lambda: found)
    f.add_step("c", loop=files.result).add_step("s", pairs(ran))
    assert f()
    assert [item for _, item in ran] == (list(found.values()) if isinstance(found, dict) else found)


NESTED: dict[str, Callable[[seq.FlowStep], Any]] = {
    "its item": lambda outer: outer.item,
    "the nearest item": lambda outer: seq.item,
    "a callable that returns its item": lambda outer: lambda: seq.current().item,
}


@pytest.mark.parametrize("construct", ["invoke", "process"])
@pytest.mark.parametrize("written", NESTED)
def test_a_loop_iterates_over_the_item_of_the_loop_around_it(written: str, construct: str) -> None:
    f = flow(task_construct=construct)
    years = f.add_step("years", loop={"a": [1, 2], "b": {"x": 3}, "c": []})
    c = years.add_step("c", loop=NESTED[written](years))
    got = c.add_step("s", lambda item: item * 10, args=(c.item,))
    assert f.problems() == []
    assert f()
    assert f.results(got) == {"1.a.1": 10, "1.a.2": 20, "1.b.x": 30}
    assert f.graph().nodes["years/c", "start"]["loop"] == ("function" if "callable" in written else "item")


def test_the_items_of_an_item_are_recorded_for_the_recovery(tmp_path: Path) -> None:
    ran: list[Any] = []
    for again, mode in [(False, seq.RunMode.restart), (True, seq.RunMode.recover)]:
        f = flow(tmp_path / "run.db", mode)
        outer = f.add_step("outer", loop=[[1, 2], [3]])
        c = outer.add_step("c", loop=outer.item)
        c.add_step("s", lambda item, again=again: ran.append(item) if again or item == 1 else boom(), args=(c.item,))
        assert f() is again
    assert ran == [1, 2, 3]


def test_what_is_not_an_outer_loops_item_is_refused_as_a_loop() -> None:
    f = flow()
    outer, other = f.add_step("outer", loop=[[1]]), f.add_step("other", loop=[[1]])
    with pytest.raises(LoopError, match=r"step 'outer/c': its loop is outer.key, which is text; .* use outer.item"):
        outer.add_step("c", loop=outer.key)
    with pytest.raises(LoopError, match="step 'alone' uses an item but is not in a loop"):
        f.add_step("alone", loop=seq.item)
    outer.add_step("c", loop=other.item)
    assert f.problems() == ["step 'outer/c' refers to other.item, which does not contain it"]


def test_an_item_that_cannot_be_iterated_over_fails_its_loop() -> None:
    f = flow(logging_level="CRITICAL")
    outer = f.add_step("outer", loop=[5])
    outer.add_step("c", loop=outer.item)
    assert not f()
    assert any("the loop is 5, which cannot be iterated over" in (task.error or "") for task in f.tasks())


def test_an_empty_loop_succeeds() -> None:
    ran: list[str] = []
    f = flow()
    empty = f.add_step("c", loop=[])
    empty.add_step("s", boom)
    f.add_step("after", ran.append, ("after",), require=((empty, seq.STEP_SUCCESS),))
    assert f()
    assert ran == ["after"]


@pytest.mark.parametrize("word", ["loop", "repeat", "repeats"])
def test_the_later_spellings_mean_the_same(word: str) -> None:
    ran: list[Any] = []
    f = flow()
    f.add_step("s", pairs(ran), **cast("Any", {word: [1, 2]}))
    assert f()
    assert len(ran) == 2


def test_iterations_come_one_after_another() -> None:
    ran: list[str] = []
    f = flow(task_construct="thread", max_concurrent=8)
    c = f.add_step("c", loop=range(3))
    first = c.add_step("first", lambda: ran.append(seq.current().sequence))
    c.add_step("second", lambda: ran.append(seq.current().sequence), require=((first, seq.STEP_SUCCESS),))
    assert f()
    assert ran == ["1.1", "1.1", "1.2", "1.2", "1.3", "1.3"]


def test_concurrent_iterations_run_side_by_side_up_to_their_number() -> None:
    together, lock, now, most = threading.Barrier(3), threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(10)
        with lock:
            now[0] -= 1

    f = flow(task_construct="thread", max_concurrent=-1)
    f.add_step("c", loop=range(6), concurrent=3).add_step("s", work)
    assert f()
    assert most == [3]


def test_loops_within_loops_multiply() -> None:
    ran: list[Any] = []
    f = flow()
    a = f.add_step("a", loop={"x": 1, "y": 2})
    b = a.add_step("b", loop=[10, 20])
    b.add_step("s", lambda *items: ran.append((seq.current().sequence, *items)), args=(a.item, b.item))
    assert f()
    assert ran == [("1.x.1", 1, 10), ("1.x.2", 1, 20), ("1.y.1", 2, 10), ("1.y.2", 2, 20)]


def test_an_inner_loop_can_depend_on_the_outer_item() -> None:
    ran: list[Any] = []
    f = flow()
    day = f.add_step("day", loop=["mon", "tue"])
    files = day.add_step("files", lambda d: [f"{d}-{i}" for i in range(2)], args=(day.item,))
    load = day.add_step("load", loop=files.result)
    load.add_step("one", ran.append, (load.item,))
    assert f()
    assert ran == ["mon-0", "mon-1", "tue-0", "tue-1"]


def test_a_callable_is_called_once_when_the_container_starts_and_recovery_walks_the_same(tmp_path: Path) -> None:
    calls: list[int] = []
    ran: list[Any] = []
    broken = [True]

    def items() -> list[int]:
        calls.append(1)
        return [len(calls) * 10 + i for i in range(3)]

    def work(item: int) -> None:
        ran.append(item)
        if broken[0] and item == 11:
            boom()

    for mode in (seq.RunMode.restart, seq.RunMode.recover):
        f = flow(tmp_path / "run.db", mode)
        c = f.add_step("c", loop=items)
        c.add_step("s", work, (c.item,))
        assert f() is not broken[0]
        broken[0] = False
    assert calls == [1]
    assert ran == [10, 11, 11, 12]


def test_a_loop_in_a_process_knows_where_it_is(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db", task_construct="process")
    f.add_step("c", loop=lambda: [seq.current().name]).add_step("s", lambda: seq.current().item)
    assert f()
    assert ('"c"',) in rows(f.store, "select value from {results} where step = 'c/s'")


BAD: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "a number": (5, {}, ["'c'", "5", "cannot be iterated over", "iterable or a mapping"]),
    "keys that are one text": ({1: "a", "1": "b"}, {}, ["'c'", "the same as text", "a key of its own"]),
    "a key with a dot": ({"a.b": 1}, {}, ["'c'", "'a.b'", "'.'"]),
    "a key with a slash": ({"a/b": 1}, {}, ["'c'", "'a/b'", "'/'"]),
    "an empty key": ({"": 1}, {}, ["'c'", "''", "non-empty"]),
    "a key that no store takes": ({"a\0": 1}, {}, ["'c'", "NUL"]),
    "items that cannot be stored": ([object()], {}, ["'c'", "loop", "builtins.object"]),
    "no iterations at a time": ([1], {"concurrent": 0}, ["'c'", "concurrent", "1 or more"]),
    "half an iteration at a time": ([1], {"concurrent": 1.5}, ["'c'", "concurrent", "1.5"]),
    "two loops": ([1], {"repeat": [2]}, ["'c'", "twice", "once"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_loop_is_refused_where_it_is_written(case: str) -> None:
    loop, others, words = BAD[case]
    with pytest.raises(seq.FlowError) as refused:
        flow().add_step("c", loop=loop, **others)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("loop", [lambda: 5, lambda: [object()], lambda: {"a.b": 1}, boom])
def test_a_bad_loop_that_is_computed_fails_its_container_and_says_why(tmp_path: Path, loop: Any) -> None:
    handled: list[str] = []
    f = flow(tmp_path / "run.db")
    c = f.add_step("c", loop=loop)
    c.add_step("s", int)
    f.add_step("handler", handled.append, ("handled",), require=((c, seq.STEP_FAILURE),))
    assert f()
    assert handled == ["handled"]
    [(error,)] = rows(f.store, "select error from {attempts} where step = 'c'")
    assert "loop could not be computed" in error


def test_a_loop_that_cannot_be_computed_is_told_of_once_with_the_users_code() -> None:
    told = Recorder(AttemptFailed)
    f = flow(logging_level="CRITICAL", stop_on_exception=False)
    f.add_step("raises", loop=boom).add_step("s", int)
    f.add_step("number", loop=cast("Any", lambda: 5)).add_step("s", int)
    f.add_observer(told)
    assert not f()
    found = {notice.step: notice.traceback for notice in told.of(AttemptFailed)}
    assert found.keys() == {"raises", "number"}
    assert len(told.heard) == 2
    assert "in boom" in str(found["raises"])
    assert "loops.py" not in str(found["raises"])
    assert found["number"] is None


def test_a_loop_whose_items_were_given_up_fails_and_says_so_until_it_is_rerun(tmp_path: Path) -> None:
    ran: list[Any] = []
    found: list[int] = []
    f = flow(tmp_path / "run.db")
    c = f.add_step("c", loop=lambda: found or boom(), recovery={seq.STEP_FAILURE: seq.STEP_SKIP})
    c.add_step("s", pairs(ran))
    assert not f()
    found.append(10)
    assert not f.run(run_mode=seq.RUN_RECOVER)
    [(error,)] = rows(f.store, "select error from {attempts} where step = 'c' and recovery = 1")
    assert "items were never computed" in error and "rerun" in error
    assert f.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("c"))
    assert ran == [("1.1", 10)]


def test_a_loop_is_cancelled_when_a_failure_beside_it_comes_before_its_items(tmp_path: Path) -> None:
    computed: list[str] = []

    def items() -> list[int]:
        computed.append("items")
        return [1]

    f = flow(tmp_path / "run.db", max_concurrent=1)
    around = f.add_step("around")
    around.add_step("fails", boom)
    around.add_step("c", loop=items).add_step("s", int)
    after: list[str] = []
    f.add_step("after", after.append, ("ran",), require=((around, seq.STEP_FAILURE),))
    assert f()
    assert after == ["ran"] and not computed
    assert rows(f.store, "select status, count(*) from {tasks} where step = 'around/c' group by status") == [
        ("cancelled", 1)
    ]


def test_the_item_of_a_step_without_loop_is_refused() -> None:
    with pytest.raises(LoopError, match=r"'c' has no loop.*give it a loop"):
        _ = flow().add_step("c").item
