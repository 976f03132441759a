"""Expressions: trees of and, or and events, evaluated at one sequence."""

from collections.abc import Callable
from functools import reduce
from itertools import cycle
from operator import and_ as both
from operator import or_ as either
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore import and_, or_
from eventcore.define.expression import DEEPEST
from eventcore.define.stored import read
from eventcore.errors import ProgramError
from tests.support import eventor

Write = Callable[[evr.Event, evr.Event, evr.Event], Any]

HOLDS = {
    "an event alone": (lambda a, b, c: a, "a", "b"),
    "a tuple means and": (lambda a, b, c: (a, b), "ab", "a"),
    "a list means and": (lambda a, b, c: [a, b], "ab", "b"),
    "and_": (lambda a, b, c: and_(a, b), "ab", "bc"),
    "or_": (lambda a, b, c: or_(a, b), "b", "c"),
    "&": (lambda a, b, c: a & b & c, "abc", "ab"),
    "|": (lambda a, b, c: a | b, "a", "c"),
    "& binds closer than |": (lambda a, b, c: a | b & c, "a", "b"),
    "a tuple inside or_": (lambda a, b, c: or_((a, b), c), "ab", "a"),
    "or_ inside a tuple": (lambda a, b, c: (or_(a, b), c), "bc", "ab"),
    "a tuple on the left of &": (lambda a, b, c: (a, b) & c, "abc", "bc"),
    "a tuple on the left of |": (lambda a, b, c: (a, b) | c, "c", "a"),
    "the same event twice": (lambda a, b, c: (a, or_(a, b)), "a", "b"),
    "groups of one": (lambda a, b, c: ((((a,),),),), "a", "b"),
}  # fmt: skip


def held(write: Write, triggered: str) -> bool:
    ev = eventor()
    events = {name: ev.add_event(name) for name in "abc"}
    ran: list[str] = []
    ev.add_assoc(ev.add_event("whole", write(*events.values())), ev.add_step("s", ran.append, ("s",)))
    for name in triggered:
        ev.trigger_event(events[name], 1)
    assert ev.run()
    return ran == ["s"]


@pytest.mark.parametrize("case", HOLDS)
def test_an_expression_holds_as_soon_as_its_events_are_triggered(case: str) -> None:
    write, enough, too_little = HOLDS[case]
    assert held(write, enough)
    assert not held(write, too_little)


def test_an_expression_triggers_once_however_many_of_its_parts_come() -> None:
    assert held(lambda a, b, c: or_(a, b, c), "abc")


def alternating(events: list[evr.Event], levels: int) -> Any:
    """An expression of `levels` levels in which all events but the last make one each."""
    tree: Any = events[-1]
    for level, event in enumerate(events[levels - 1 :: -1]):
        tree = (event, tree) if level % 2 else or_(event, tree)
    return tree


def test_expressions_nest_two_hundred_levels_deep_wherever_the_program_is_read(tmp_path: Path) -> None:
    ev = eventor(tmp_path / "run.db")
    assert DEEPEST == 200
    events = [ev.add_event(f"e{i}") for i in range(DEEPEST + 1)]
    ran: list[str] = []
    ev.add_assoc(ev.add_event("whole", alternating(events, DEEPEST)), ev.add_step("s", ran.append, ("s",)))
    whole = next(event for event in read(ev.document).events if event.name == "whole")
    assert str(whole.expr).count("{") == DEEPEST
    for event in events:
        ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["s"]


@pytest.mark.parametrize("levels", [DEEPEST + 3, 1_000, 10_000])
def test_deeper_expressions_are_refused(levels: int) -> None:
    ev = eventor()
    events: list[Any] = [ev.add_event(f"e{i}") for i in range(levels + 1)]
    grouped = reduce(lambda tree, step: step[0](tree, step[1]), zip(cycle((both, either)), events[1:]), events[0])
    for tree in (grouped, alternating(events, levels), reduce(lambda inner, event: (inner, event), events)):
        with pytest.raises(ProgramError, match="event 'whole': its and and or are nested more than 200 levels deep"):
            ev.add_event("whole", tree)


def test_a_list_that_contains_itself_is_no_expression() -> None:
    ev, tree = eventor(), list[Any]()
    tree.append(tree)
    with pytest.raises(ProgramError, match="nested more than 200 levels deep"):
        ev.add_event("whole", tree)


@pytest.mark.parametrize("operator", [both, either])
def test_operators_join_as_many_events_as_there_are(operator: Callable[[Any, Any], Any]) -> None:
    ev = eventor()
    events = [ev.add_event(f"e{i}") for i in range(2000)]
    ran: list[str] = []
    ev.add_assoc(ev.add_event("whole", reduce(operator, events)), ev.add_step("s", ran.append, ("s",)))
    for event in events:
        ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["s"]


def test_an_event_of_an_expression_can_stand_in_another() -> None:
    ev = eventor()
    a, b, c = (ev.add_event(name) for name in "abc")
    both_came = ev.add_event("both", (a, b))
    ran: list[str] = []
    ev.add_assoc(ev.add_event("all", (both_came, c)), ev.add_step("s", ran.append, ("s",)))
    for event in (c, b, a):
        ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["s"]


@pytest.mark.parametrize(
    ("first", "second", "runs_at"),
    [("1", "1", ["1"]), ("1", "2", []), ("1", "1.2.1", ["1.2.1"]), ("1.2", "1.2.1", ["1.2.1"]),
     ("1.2", "1.3", []), ("1.2.1", "1", ["1.2.1"]), ("1", "10", []), ("1.1", "1.10", [])],
)  # fmt: skip
def test_an_expression_sees_its_sequence_and_those_that_enclose_it(first: str, second: str, runs_at: list[str]) -> None:
    ran: list[str] = []
    ev = eventor()
    a, b = ev.add_event("a"), ev.add_event("b")
    ev.add_assoc(ev.add_event("both", (a, b)), ev.add_step("s", lambda: ran.append(evr.current().sequence)))
    ev.trigger_event(a, first)
    ev.trigger_event(b, second)
    assert ev.run()
    assert ran == runs_at


USES: dict[str, Callable[[evr.Event, evr.Event], object]] = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a, b: not a,
    "if": lambda a, b: 1 if a | b else 2,
}


@pytest.mark.parametrize("use", USES)
def test_an_expression_used_as_a_boolean_names_the_operators(use: str) -> None:
    ev = eventor()
    with pytest.raises(ProgramError, match=r"no truth value.* & and \|"):
        USES[use](ev.add_event("a"), ev.add_event("b"))


BAD: dict[str, tuple[Callable[[evr.Event], Any], list[str]]] = {
    "nothing": (lambda a: (), ["event 'bad'", "empty expression", "leave it out"]),
    "an empty part": (lambda a: (a, ()), ["event 'bad'", "empty expression"]),
    "a text": (lambda a: "a", ["event 'bad'", "'a'", "combine events"]),
    "None inside": (lambda a: (a, None), ["event 'bad'", "None", "combine events"]),
    "or_ of nothing": (lambda a: or_(), ["or_()", "at least one part"]),
    "and_ of nothing": (lambda a: and_(), ["and_()", "at least one part"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_expression_is_refused(case: str) -> None:
    write, words = BAD[case]
    ev = eventor()
    with pytest.raises(ProgramError) as refused:
        ev.add_event("bad", write(ev.add_event("a")))
    for word in words:
        assert word in str(refused.value)
