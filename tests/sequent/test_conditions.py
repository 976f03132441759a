"""Conditions on values, as they are written under `when`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import sequent as seq
from sequent.errors import ConditionError, PartError
from tests.results import Results
from tests.support import flow


def three() -> tuple[Any, Any, Any]:
    """References to three results."""
    made = flow()
    return made.add_step("a", print).result, made.add_step("b", print).result, made.add_step("c", print).result


a, b, c = three()


@pytest.mark.parametrize(
    ("condition", "shown", "holds"),
    [
        (a == "full", "a.result == 'full'", True),
        (a != "full", "a.result != 'full'", False),
        (b["n"] > 0, "b.result['n'] > 0", True),
        (b.n < 3, "b.result.n < 3", False),
        (3 <= b.n, "b.result.n >= 3", True),  # noqa: SIM300
        (4 > b.n, "b.result.n < 4", True),  # noqa: SIM300
        (b.n == c, "b.result.n == c.result", True),
        (b == {"n": c, "m": 0}, "b.result == {'n': c.result, 'm': 0}", True),
        (a == None, "a.result == None", False),  # noqa: E711
        (~a, "~a.result", False),
        (a & ~b.m, "a.result & ~b.result.m", True),
        (~(a == 1), "~(a.result == 1)", True),
        ((a == "full") & (b.n > 3), "(a.result == 'full') & (b.result.n > 3)", False),
        ((a == 1) & (b.n == 1) | (c == 3), "((a.result == 1) & (b.result.n == 1)) | (c.result == 3)", True),
        (b.m | (a == "x") | (c == 3), "b.result.m | (a.result == 'x') | (c.result == 3)", True),
        ((a == "full") == (c == 3), "(a.result == 'full') == (c.result == 3)", True),
        (a.x == "y" * 200, f"a.result.x == '{'y' * 76}...", None),
    ],
)
def test_a_condition_is_shown_as_it_is_written_and_tells_whether_it_holds(
    condition: Any, shown: str, holds: bool | None
) -> None:
    assert repr(condition) == repr(copy.deepcopy(condition)) == shown
    if holds is not None:
        assert condition.resolve(Results({"a": "full", "b": {"n": 3, "m": 0}, "c": 3}), "1") is holds


def test_a_join_goes_no_further_than_needed() -> None:
    results = Results({"a": 0, "b": {}})
    assert (a & (b["n"] > 0)).resolve(results, "1") is False
    assert ((a == 0) | (b["n"] > 0)).resolve(results, "1") is True
    assert results.asked == ["a", "a"]
    with pytest.raises(PartError, match=r"b\.result\['n'\]: there is no \['n'\], because b\.result is an empty dict"):
        (~a & (b["n"] > 0)).resolve(results, "1")


def test_a_condition_may_be_an_argument() -> None:
    made = flow()
    number = made.add_step("number", lambda: {"n": 3}).result
    takes = made.add_step("takes", lambda *got: got, args=(number.n > 2, [~(number["n"] == 3)]))
    assert made()
    assert made.result(takes) == (True, [False])


@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_a_condition_on_values_with_codecs_is_evaluated_where_the_step_runs(construct: str) -> None:
    made = flow(task_construct=construct)
    number = made.add_step("number", lambda: numpy.float64(3)).result
    table = made.add_step("table", lambda: {"t": numpy.array([1, 2])}).result
    takes = made.add_step("takes", lambda *got: got,
                          args=(number > 2, ~(number > 2), (number < 2) & table.x, (number > 2) & (table.t[1] == 2),
                                (number > 2) | table.t.x, number, numpy.float64(4) > number))  # fmt: skip
    fails = made.add_step("fails", print, args=((number > 2) & (table.t == 1),))
    assert not made()
    assert made.result(takes) == (True, False, False, True, True, 3.0, True)
    [task] = made.tasks(fails)
    assert task.error is not None
    assert task.error.startswith("ConditionError: table.result.t == 1: the two cannot be compared, as the first is of ")
    assert "\n" not in task.error


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (a < 3, r"a\.result < 3: the two cannot be compared, as the first is a str of length 4 and the second of type "
         r"int \(TypeError: '<' not supported between instances of 'str' and 'int'\)"),
        (b.x > c, r"b\.result\.x: there is no \.x, because b\.result is a dict with the keys 'n', 'm'"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_an_error_in_one_line(condition: Any, said: str) -> None:
    with pytest.raises((ConditionError, PartError), match=f"^{said}$"):
        condition.resolve(Results({"a": "full", "b": {"n": 3, "m": 0}, "c": 3}), "1")


def test_an_array_is_neither_true_nor_false() -> None:
    with pytest.raises(ConditionError, match=r"a\.result is of type ndarray, which is neither true nor false; compare"):
        (~a).resolve(Results({"a": numpy.array([1, 2])}), "1")


@pytest.mark.parametrize(
    "use",
    [
        lambda: a == 1 and b == 2, lambda: not (a < 1), lambda: 0 < a < 9, lambda: a in [b, c],
        lambda: [b, c].index(a), lambda: bool(a & b),
    ],
)  # fmt: skip
def test_the_truth_of_a_condition_is_refused_with_the_operators_to_use(use: Callable[[], object]) -> None:
    with pytest.raises(seq.FlowError, match=r"neither true nor false yet; join conditions with &, \| and ~, each"):
        use()


def test_a_join_with_a_plain_value_is_refused_as_parentheses_are_missing() -> None:
    with pytest.raises(seq.FlowError, match=r"b\.result: 0 cannot be joined to it with &; .* in parentheses, such as"):
        _ = a > 0 & b
    with pytest.raises(seq.FlowError, match=r"a\.result: True cannot be joined to it with \|"):
        _ = a | True


def test_a_condition_has_no_parts_and_is_no_loop() -> None:
    with pytest.raises(AttributeError, match=r"a\.result == 1 is true or false, so it has no part \.x"):
        _ = (a == 1).x
    with pytest.raises(seq.FlowError, match="so it has no parts"):
        (a == 1)["x"]
    with pytest.raises(seq.FlowError, match=r"its loop is a\.result == 1, which is true or false"):
        flow().add_step("s", print, loop=a == 1)


def test_references_are_still_told_apart_by_identity() -> None:
    assert len({a, b, a["x"], a == 1}) == 4
    assert {a: 1}[a] == 1
    assert a in [a, b]


def test_conditions_are_joined_in_any_number_but_nested_only_so_deep() -> None:
    many: Any = a == 0
    for number in range(1, 5000):
        many = many | (a == number)
    assert many.resolve(Results({"a": 4999}), "1") is True
    deep: Any = a == 0
    with pytest.raises(seq.FlowError, match="nested more than 200 levels deep; let a step"):
        for _ in range(300):
            deep = ~deep


def test_when_holds_what_was_written_and_implies_success_of_what_it_refers_to() -> None:
    made = flow()
    kind = made.add_step("kind", lambda: "full")
    rows = made.add_step("rows", lambda: {"n": 1})
    days = made.add_step("days", loop=[1])
    steps = [
        made.add_step("x", when=(kind.result == "full") & (rows.result["n"] > 0)),
        made.add_step("y", when=rows.result.n, require=((rows, seq.STEP_COMPLETE),)),
        made.add_step("z", when=list),
        days.add_step("own", print, when=seq.item.n > 0, loop=[2]),
    ]
    assert [repr(step.when) for step in steps[:2] + steps[3:]] == [
        "(kind.result == 'full') & (rows.result['n'] > 0)", "rows.result.n", "days.item.n > 0",
    ]  # fmt: skip
    assert steps[2].when is list
    edges = {(source, target): data for source, target, data in made.graph().edges(data=True) if "statuses" in data}
    assert {(source[0], target[0]): data["kind"] for (source, target), data in edges.items()} == {
        ("kind", "x"): "refers", ("rows", "x"): "refers", ("rows", "y"): "requires",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("full", "'full' is no condition; write a reference or a comparison, such as kind.result == \"full\""),
        (True, "True is known before the run; add the step only if it is true"),
        (flow().add_step("kind"), "is a step; write when=kind.result for what it returns"),
        ((flow().add_step("kind"), seq.STEP_SUCCESS), "is a requirement; write it as require="),
        (((flow().add_step("kind"), seq.STEP_SUCCESS),), "is a requirement"),
        (seq.STEP_SUCCESS, "is a requirement"),
        (3, "3 is no condition"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_a_remedy(when: Any, said: str) -> None:
    with pytest.raises(seq.FlowError, match="step 'x', when: ") as caught:
        flow().add_step("x", when=when)
    assert said in str(caught.value)


@pytest.mark.parametrize("require", [a, a == 1, (a,), [a == 1], ((flow().add_step("b"), seq.STEP_SUCCESS), a)])
def test_a_value_among_requirements_is_refused_with_the_argument_it_belongs_to(require: Any) -> None:
    with pytest.raises(seq.FlowError, match=r"step 'x', require: a\.result.* is a value, .*; write when=a\.result"):
        flow().add_step("x", require=require)


def test_a_condition_is_checked_before_anything_runs() -> None:
    made, other = flow(), flow()
    foreign = other.add_step("foreign", dict)
    days = made.add_step("days", loop=[1])
    days.add_step("inside", dict)
    made.add_step("a", when=(days.result == 1) | foreign.result)
    made.add_step("b", when=[1].index)  # type: ignore[arg-type]
    made.add_step("c", when=made.add_step("command", seq.shell("date")).result == "x")
    assert [line.split("; ")[0].split(", which takes")[0] for line in made.problems()] == [
        "step 'a' refers to the result of container 'days', which has none",
        "step 'c': it uses command.result, but step 'command' runs a command, whose result is always None",
        "step 'b': its when list.index(value, start=0, stop=9223372036854775807, /) does not fit its arguments: "
        "missing a required argument: 'value'",
    ]
