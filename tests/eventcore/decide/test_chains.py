"""The longest chain of work from each step, against the plainest way to say it, and where there are cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventcore as evr
import sequent as seq
from eventcore.decide.chains import Chains, chains
from eventcore.decide.plan import Plan
from eventcore.define.config import Config
from tests.support import eventor, flow


def nothing() -> None:
    """What the steps do here: nobody calls it."""


def chains_of(program: seq.Sequent | evr.Eventor, durations: Mapping[str, float] | None = None) -> Chains:
    return chains(Plan(program.built().program, Config()), durations or {})


def test_a_step_counts_1_and_what_follows_from_it() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    b = program.add_step("b", nothing, require=((a, seq.STEP_SUCCESS),))
    program.add_step("c", nothing, require=((b, seq.STEP_COMPLETE),))
    program.add_step("short", nothing, require=((a, seq.STEP_SUCCESS),))
    assert chains_of(program).left == {"a": 3, "b": 2, "c": 1, "short": 1}


def test_what_a_step_took_before_counts_instead() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    program.add_step("b", nothing, require=((a, seq.STEP_SUCCESS),))
    program.add_step("new", nothing, require=((a, seq.STEP_SUCCESS),))
    assert chains_of(program, {"a": 20.0, "b": 0.25}).left == {"a": 21, "b": 0.25, "new": 1}


def test_a_step_without_a_function_and_what_only_a_failure_leads_to_count_nothing() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    program.add_step("join", require=((a, seq.STEP_SUCCESS),))
    rescue = program.add_step("rescue", nothing, require=((a, seq.STEP_FAILURE),))
    program.add_step("after rescue", nothing, require=((rescue, seq.STEP_SUCCESS),))
    assert chains_of(program).left == {"a": 1, "join": 0, "rescue": 2, "after rescue": 1}


def test_what_waits_only_for_the_start_of_a_step_does_not_wait_for_its_end() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    b = program.add_step("b", nothing, require=((a, seq.STEP_ACTIVE),))
    program.add_step("c", nothing, require=((b, seq.STEP_SUCCESS),))
    assert chains_of(program).left == {"a": 2, "b": 2, "c": 1}
    assert chains_of(program, {"a": 9.0}).left["a"] == 9


def test_a_loop_counts_its_rounds_and_what_is_inside_leads_to_what_follows_the_loop() -> None:
    program = flow()
    before = program.add_step("before", nothing)
    each = program.add_step("each", loop=range(7), concurrent=2, require=((before, seq.STEP_SUCCESS),))
    x = each.add_step("x", nothing)
    each.add_step("y", nothing, require=((x, seq.STEP_SUCCESS),))
    program.add_step("after", nothing, require=((each, seq.STEP_SUCCESS),))
    found = chains_of(program)
    assert found.rounds == {"each": 2}
    assert found.left == {"before": 10, "each": 9, "each#items": 9, "each/x": 3, "each/y": 2, "after": 1}


def test_a_loop_of_unknown_length_counts_once() -> None:
    program = flow()
    program.add_step("each", nothing, loop=lambda: [1, 2, 3])
    found = chains_of(program, {"each#items": 5.0})
    assert sorted(found.left.values()) == [1, 6, 6]


def test_what_a_step_inside_requires_of_outside_leads_to_its_container() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    box = program.add_step("box")
    x = box.add_step("x", nothing, require=((a, seq.STEP_SUCCESS),))
    box.add_step("y", nothing, require=((x, seq.STEP_SUCCESS),))
    program.add_step("after", nothing, require=((box, seq.STEP_SUCCESS),))
    assert chains_of(program).left == {"a": 4, "box": 3, "box/x": 3, "box/y": 2, "after": 1}


def test_expressions_and_events_behind_events_lead_on() -> None:
    ev = eventor()
    begin, one, two, relay = (ev.add_event(name) for name in ("begin", "one", "two", "relay"))
    both = ev.add_event("both", evr.and_(one, two))
    ev.add_assoc(begin, ev.add_step("a", nothing, triggers={evr.STEP_SUCCESS: one}))
    ev.add_assoc(begin, ev.add_step("b", nothing, triggers={evr.STEP_COMPLETE: relay}))
    ev.add_assoc(relay, two)
    ev.add_assoc(both, ev.add_step("c", nothing))
    ev.trigger_event(begin, 1)
    assert chains_of(ev).left == {"a": 2, "b": 2, "c": 1}


def test_a_cycle_is_cut_where_it_closes() -> None:
    ev = eventor()
    events = [ev.add_event(f"e{n}") for n in range(4)]
    for n in range(3):
        ev.add_assoc(events[n], ev.add_step(f"s{n}", nothing, triggers={evr.STEP_SUCCESS: events[n + 1]}))
    ev.add_assoc(events[3], events[0], ev.add_step("last", nothing))
    ev.trigger_event(events[0], 1)
    assert chains_of(ev).left == {"s0": 4, "s1": 3, "s2": 2, "last": 1}


def test_a_chain_may_be_longer_than_python_can_call() -> None:
    ev = eventor()
    event = ev.add_event("e0")
    ev.trigger_event(event, 1)
    for n in range(3000):
        following = ev.add_event(f"e{n + 1}")
        ev.add_assoc(event, ev.add_step(f"s{n}", nothing, triggers={evr.STEP_SUCCESS: following}))
        event = following
    assert chains_of(ev).left["s0"] == 3000


Edges = list[tuple[int, int]]


@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(0, 9), min_size=n, max_size=n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12),
        )
    ),
    st.booleans(),
)
def test_the_longest_chain_of_a_raw_program_is_that_of_all_its_paths(
    graph: tuple[list[float], Edges], is_cyclic: bool
) -> None:
    took, edges = graph
    edges = edges if is_cyclic else [(a, b) for a, b in edges if a < b]
    ev = eventor()
    done = [ev.add_event(f"done {n}") for n in range(len(took))]
    steps = [ev.add_step(f"s{n}", nothing, triggers={evr.STEP_SUCCESS: done[n]}) for n in range(len(took))]
    for a, b in dict.fromkeys(edges):
        ev.add_assoc(done[a], steps[b])
    left = chains_of(ev, {f"s{n}": seconds for n, seconds in enumerate(took)}).left

    def longest(n: int, passed: frozenset[int]) -> float:
        paths = [longest(b, passed | {b}) for a, b in edges if a == n and b not in passed]
        return took[n] + max(paths, default=0.0)

    for n in range(len(took)):
        true = longest(n, frozenset({n}))
        assert took[n] <= left[f"s{n}"] <= true + 1e-9
        if not is_cyclic:
            assert left[f"s{n}"] == pytest.approx(true)


@dataclass(frozen=True)
class Made:
    """A step of a flow: which siblings before it it requires, and of a container its loop and what is inside."""

    requires: list[int]
    items: int = 0
    at_once: int = 1
    inside: list[Made] = field(default_factory=list)

    @property
    def length(self) -> float:
        rounds = ceil(self.items / self.at_once) if self.items else 1
        return rounds * max(chain(self.inside, n) for n in range(len(self.inside))) if self.inside else 1.0


def chain(level: list[Made], n: int) -> float:
    """The longest chain from the n-th step of a level to the end of the level."""
    following = [chain(level, m) for m, made in enumerate(level) if n in made.requires]
    return level[n].length + max(following, default=0.0)


@st.composite
def levels(draw: st.DrawFn, depth: int = 0) -> list[Made]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        requires = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        if depth < 2 and draw(st.booleans()):
            loop = draw(st.integers(0, 4)), draw(st.integers(1, 3))
            found.append(Made(requires, *loop, draw(levels(depth + 1))))
        else:
            found.append(Made(requires))
    return found


def build(container: seq.Sequent | seq.FlowStep, level: list[Made]) -> None:
    steps: list[seq.FlowStep] = []
    for number, made in enumerate(level):
        require = tuple((steps[n], seq.STEP_SUCCESS) for n in made.requires)
        loop = range(made.items) if made.items else None
        if made.inside:
            steps.append(container.add_step(f"s{number}", require=require, loop=loop, concurrent=made.at_once))
            build(steps[-1], made.inside)
        else:
            steps.append(container.add_step(f"s{number}", nothing, require=require))


def expected(level: list[Made], path: str = "", tail: float = 0.0) -> dict[str, float]:
    found = {}
    for n, made in enumerate(level):
        found[f"{path}s{n}"] = chain(level, n) + tail
        found |= expected(made.inside, f"{path}s{n}/", chain(level, n) - made.length + tail)
    return found


@given(levels())
def test_the_longest_chain_of_a_flow_passes_through_its_containers(level: list[Made]) -> None:
    program = flow()
    build(program, level)
    left = chains_of(program).left
    assert {name: count for name, count in left.items() if "#" not in name} == pytest.approx(expected(level))


def test_conditions_ends_of_levels_and_counts_of_members_lead_on() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    b = program.add_step("b", nothing, require=((a, seq.STEP_SUCCESS),), when=a.result == 1)
    program.add_step("c", nothing, require=((b, seq.STEP_OVER),))
    each = program.add_step("each", nothing, loop=range(3), concurrent=3)
    program.add_step("enough", nothing, require=seq.at_least(2, each, seq.STEP_SUCCESS))
    program.add_step("at the end", nothing, require=((program, seq.STEP_SUCCESS),))
    left = {name: count for name, count in chains_of(program).left.items() if "#" not in name or name == "b#when"}
    assert left == {"a": 4, "b#when": 3, "b": 3, "c": 2, "each": 3, "enough": 2, "at the end": 1}


def test_an_event_that_a_step_emits_leads_on_before_the_step_is_over() -> None:
    program = flow()
    a = program.add_step("a", nothing)
    b = program.add_step("b", nothing, require=(a.event("half"),))
    program.add_step("c", nothing, require=((b, seq.STEP_SUCCESS),))
    left = chains_of(program, {"a": 1.5}).left
    assert (left["a"], left["b"]) == (2, 2)
