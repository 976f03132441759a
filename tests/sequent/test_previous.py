"""Results of earlier iterations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from tests.support import boom, flow


def test_a_step_gets_what_a_sibling_and_it_itself_returned_in_earlier_iterations() -> None:
    made = flow()
    days = made.add_step("days", loop={"mon": 1, "tue": 2, "wed": 3})
    load = days.add_step("load", lambda day: day * 10, args=(days.item,))
    days.add_step(
        "compare", lambda *found: found,
        args=(load.result, load.previous().result, load.previous(2).result, seq.previous("compare").result),
    )  # fmt: skip
    assert made()
    first, second = (10, None, None, None), (20, 10, None, (10, None, None, None))
    assert made.results("days/compare") == {"1.mon": first, "1.tue": second, "1.wed": (30, 20, 10, second)}


def test_a_step_with_a_loop_of_its_own_gets_what_its_function_returned_before() -> None:
    made = flow()
    made.add_step("total", lambda n, before: n + (before or 0), args=(seq.item, seq.previous("total").result),
                  loop=range(1, 5))  # fmt: skip
    made.add_step("keyed", lambda n, before: n + (before or ""), args=(seq.item, seq.previous("keyed").result),
                  loop={key: key for key in "abc"})  # fmt: skip
    assert made()
    assert list(made.results("total").values()) == [1, 3, 6, 10]
    assert list(made.results("keyed").values()) == ["a", "ba", "cba"]


def test_the_loop_may_be_further_out_and_the_keys_inside_stay_the_same() -> None:
    made = flow()
    days = made.add_step("days", loop=[100, 200])
    parts = days.add_step("parts", loop={"a": 1, "b": 2})
    twice = parts.add_step("twice", lambda day, part: day + part + seq.current().item, (days.item, parts.item),
                           loop=[0, 10])  # fmt: skip
    for name, loop in (("by step", days), ("by name", "days")):
        parts.add_step(name, lambda *found: found, args=(twice.previous(loop=loop).result, twice.previous().result),
                       require=((twice, seq.STEP_SUCCESS),))  # fmt: skip
    assert made()
    for name in ("by step", "by name"):
        assert made.results(f"days/parts/{name}") == {
            "1.1.a": (None, None), "1.1.b": (None, [101, 111]),
            "1.2.a": ([101, 111], None), "1.2.b": ([102, 112], [201, 211]),
        }  # fmt: skip


def test_the_container_of_an_earlier_iteration_may_be_around_the_one_that_asks() -> None:
    made = flow()
    days = made.add_step("days", loop=[1, 2])
    days.add_step("sum", lambda: seq.current().item, loop=[5, 6])
    inside = days.add_step("inside", loop=[0], require=(("sum", seq.STEP_SUCCESS),))
    inside.add_step("asks", lambda found: found, args=(seq.previous("sum").result,))
    assert made()
    assert made.results("days/inside/asks") == {"1.1.1": None, "1.2.1": [5, 6]}


def test_keys_are_found_in_the_slice_before() -> None:
    made = flow()
    keyed = {f"k{number}": number for number in range(1003)}
    made.add_step("s", lambda n, before: (n, before and before[0]), (seq.item, seq.previous("s", 3).result), loop=keyed)
    assert made()
    assert list(made.results("s").values())[-2:] == [(1001, 998), (1002, 999)]


def test_a_recovery_finds_the_results_of_the_iterations_that_it_skips(tmp_path: Path) -> None:
    broken = [True]

    def count(item: int, before: int | None) -> int:
        if item == 3 and broken[0]:
            boom()
        return item + (before or 0)

    def made(mode: seq.RunMode) -> seq.Sequent:
        found = flow(tmp_path / "run.db", mode)
        days = found.add_step("days", loop={"a": 1, "b": 2, "c": 3, "d": 4})
        days.add_step("count", count, args=(days.item, seq.previous("count").result))
        return found

    assert not made(seq.RUN_RESTART)()
    broken[0] = False
    recovered = made(seq.RUN_RECOVER)
    assert recovered()
    assert recovered.results("days/count") == {"1.a": 1, "1.b": 3, "1.c": 6, "1.d": 10}


def in_a_loop(add: Callable[[seq.Sequent, seq.FlowStep], Any]) -> str:
    """What `check` says of a flow with a loop and what `add` adds to it."""
    made = flow()
    days = made.add_step("days", loop=[1])
    days.add_step("load", list)
    add(made, days)
    [said] = made.problems()
    return said


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (lambda f, days: days.add_step("s", print, (seq.previous("lod").result,)), "the flow has no step 'lod'"),
        (lambda f, days: f.add_step("s", print, (seq.previous("days").result,)), "'days' is in no loop, so nothing"),
        (lambda f, days: days.add_step("s", print, (seq.previous("load", loop="weeks").result,)),
         r"'weeks' is no loop around 'days/load'; choose one of 'days'"),
        (lambda f, days: f.add_step("s", print, (seq.previous("days/load").result,)),
         "inside container 'days'; write days.results(days/load) for what it returned there"),
        (lambda f, days: days.add_step("s", print, loop=seq.previous("s", loop="s").result), "'s' is no loop around"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named_before_anything_runs(
    add: Callable[[seq.Sequent, seq.FlowStep], Any], said: str
) -> None:
    assert said in in_a_loop(add)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": True}, {"n": "days"}, {"loop": 1}])
def test_a_wrong_number_or_loop_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(seq.FlowError, match=r"load\.previous\(.*: (give the number of iterations|its loop must be)"):
        flow().add_step("load", print).previous(**wrong)


def test_it_is_shown_as_it_is_written() -> None:
    load = flow().add_step("load", print)
    shown = [load.previous(), load.previous(2), seq.previous("load", loop="days").result]
    assert [repr(one) for one in shown] == [
        "load.previous()", "load.previous(2)", "previous('load', loop='days').result",
    ]  # fmt: skip
