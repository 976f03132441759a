"""The critical path: the chain of tasks that determined when a run ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventcore as evr
import sequent as seq
from eventcore.define.stored import read
from tests.sequent.test_growth import assert_linear
from visual.outline import flat_outline_of
from visual.report.critical import Moment, Span, critical_path, decisive
from visual.report.waits import waits_of

QUIET = {"task_construct": "invoke", "logging_level": "ERROR", "console": False}


def span(name: str, started: float, ended: float, status: str = "success") -> Span:
    step, _, sequence = name.partition("@")
    return Span(step, sequence or "1", status, started, started, ended)


def chain(
    program: evr.Eventor | seq.Sequent, *spans: Span, facts: tuple[tuple[str, str, float], ...] = ()
) -> list[str]:
    """The names on the critical path; containers are left to the program, and given here where they have ends."""
    stored = read(program.document)
    leaves = [node.kernel_name for node in flat_outline_of(stored) if not node.is_container]
    before = waits_of(stored, spans, lambda: facts)
    last = max((at for at, s in enumerate(spans) if s.step in leaves), key=lambda at: spans[at].ended)
    return [f"{spans[at].step}@{spans[at].sequence}" for at in critical_path(last, before)]


@pytest.fixture
def flow() -> seq.Sequent:
    return seq.Sequent("flow", ":memory:", config=QUIET)


def test_of_all_that_is_needed_the_last_to_come_is_on_the_path(flow: seq.Sequent) -> None:
    a, b = flow.add_step("a"), flow.add_step("b")
    flow.add_step("c", require=((a, seq.STEP_SUCCESS), (b, seq.STEP_SUCCESS)))
    assert chain(flow, span("a", 0, 5), span("b", 0, 3), span("c", 5, 6)) == ["a@1", "c@1"]


def test_an_event_that_a_step_emits_is_on_the_path_with_the_step(flow: seq.Sequent) -> None:
    a, b = flow.add_step("a", print), flow.add_step("b")
    flow.add_step("c", require=(a.event("half"), (b, seq.STEP_SUCCESS)))
    spans = span("a", 0, 9), span("b", 0, 3), span("c", 5, 10)
    assert chain(flow, *spans, facts=(("a#event-half", "1", 5.0),)) == ["a@1", "c@1"]
    assert chain(flow, *spans, facts=(("a#event-half", "1", 2.0),)) == ["b@1", "c@1"]


def test_the_last_of_the_iterations_that_are_counted_is_on_the_path(flow: seq.Sequent) -> None:
    servers = flow.add_step("servers", loop=[1, 2], concurrent=2)
    servers.add_step("ask")
    flow.add_step("go", require=seq.at_least(1, servers, seq.STEP_SUCCESS))
    spans = span("servers", 0, 3), span("servers/ask@1.1", 0, 1), span("servers/ask@1.2", 0, 3), span("go", 3, 4)
    assert chain(flow, *spans) == ["servers/ask@1.2", "go@1"]


@pytest.mark.parametrize("key", ["1", "x"])
def test_a_step_in_an_earlier_iteration_is_on_the_path(flow: seq.Sequent, key: str) -> None:
    months = flow.add_step("months", loop={"z": 0, key: 1}, concurrent=2)
    load = months.add_step("load")
    months.add_step("post", require=((load, seq.STEP_SUCCESS), (seq.previous("post"), seq.STEP_SUCCESS)))
    spans = (
        span("months/load@1.z", 0, 1), span("months/post@1.z", 1, 7), span(f"months/load@1.{key}", 0.5, 2),
        span(f"months/post@1.{key}", 7, 8),
    )  # fmt: skip
    assert chain(flow, *spans) == ["months/load@1.z", "months/post@1.z", f"months/post@1.{key}"]


class Compared(float):
    """A time whose comparisons are calls that can be counted."""

    def __lt__(self, other: float) -> bool:
        return float(self) < float(other)


def test_finding_the_path_through_earlier_iterations_is_linear_in_iterations() -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = seq.Sequent("flow", ":memory:", config=QUIET)
        months = made.add_step("months", loop=range(size), concurrent=size)
        months.add_step("post", require=((seq.previous("post"), seq.STEP_SUCCESS),))
        spans = [span(f"months/post@1.{at}", Compared(at), Compared(at + 1)) for at in range(1, size + 1)]
        before = waits_of(read(made.document), spans, lambda: ())
        return lambda: critical_path(size - 1, before)

    assert_linear(prepared)


def test_of_alternatives_the_first_to_come_is_on_the_path(flow: seq.Sequent) -> None:
    a, b = flow.add_step("a"), flow.add_step("b")
    flow.add_step("c", require=(seq.or_((a, seq.STEP_SUCCESS), (b, seq.STEP_SUCCESS)),), delay=4)
    assert chain(flow, span("a", 0, 5), span("b", 0, 3), span("c", 7, 8)) == ["b@1", "c@1"]


def test_an_alternative_that_did_not_come_is_not_on_the_path(flow: seq.Sequent) -> None:
    a, b = flow.add_step("a"), flow.add_step("b")
    flow.add_step("c", require=(seq.or_((a, seq.STEP_FAILURE), (b, seq.STEP_SUCCESS)),))
    assert chain(flow, span("a", 0, 1), span("b", 0, 3), span("c", 3, 4)) == ["b@1", "c@1"]


def test_the_path_goes_into_a_container_that_was_waited_for_and_out_of_one_to_what_it_waited_for(
    flow: seq.Sequent,
) -> None:
    a = flow.add_step("a")
    box = flow.add_step("box", require=((a, seq.STEP_SUCCESS),))
    box.add_step("x")
    box.add_step("y")
    flow.add_step("z", require=((box, seq.STEP_SUCCESS),))
    spans = (span("a", 0, 1), span("box", 1, 6), span("box/x@1.1", 1, 6), span("box/y@1.1", 1, 4), span("z", 6, 7))
    assert chain(flow, *spans) == ["a@1", "box/x@1.1", "z@1"]


def test_one_iteration_after_another_is_one_chain(flow: seq.Sequent) -> None:
    box = flow.add_step("box", loop=[1, 2, 3])
    x = box.add_step("x")
    box.add_step("y", require=((x, seq.STEP_SUCCESS),))
    spans = [span(f"box/{name}@1.{i}", 2 * i + at, 2 * i + at + 1) for i in (1, 2, 3) for at, name in enumerate("xy")]
    assert chain(flow, span("box", 2, 8), *spans) == [f"box/{name}@1.{i}" for i in (1, 2, 3) for name in "xy"]


def test_with_two_at_once_the_iteration_that_made_room_is_on_the_path(flow: seq.Sequent) -> None:
    flow.add_step("work", print, loop=[1, 2, 3, 4], concurrent=2)
    spans = [
        span("work", 0, 9),
        span("work#body@1.1", 0, 5),
        span("work#body@1.2", 0, 2),
        span("work#body@1.3", 2, 4),
        span("work#body@1.4", 4, 9),
    ]
    assert chain(flow, *spans) == ["work#body@1.2", "work#body@1.3", "work#body@1.4"]


def test_a_step_of_an_enclosing_container_is_found_from_inside(flow: seq.Sequent) -> None:
    outer = flow.add_step("outer", loop=[1, 2], concurrent=2)
    slow = outer.add_step("slow")
    inner = outer.add_step("inner")
    inner.add_step("last", require=((slow, seq.STEP_SUCCESS),))
    spans = [
        span("outer", 0, 9), span("outer/slow@1.1", 0, 3), span("outer/slow@1.2", 0, 7), span("outer/inner@1.1", 0, 4),
        span("outer/inner@1.2", 0, 9), span("outer/inner/last@1.1.1", 3, 4), span("outer/inner/last@1.2.1", 7, 9),
    ]  # fmt: skip
    assert chain(flow, *spans) == ["outer/slow@1.2", "outer/inner/last@1.2.1"]


def test_a_raw_program_is_followed_through_its_events() -> None:
    ev = evr.Eventor("raw", ":memory:", config=QUIET)
    one, two, begin = ev.add_event("one"), ev.add_event("two"), ev.add_event("begin")
    both = ev.add_event("both", (one, two))
    a = ev.add_step("a", triggers={evr.STEP_SUCCESS: (one,)})
    b = ev.add_step("b", triggers={evr.STEP_FAILURE: (two,)})
    ev.add_assoc(begin, a, b)
    ev.add_assoc(both, ev.add_step("c"))
    spans = (span("a", 0, 2), span("b", 0, 4, "failure"), span("c", 4, 5))
    assert chain(ev, *spans, facts=(("begin", "1", 0.0),)) == ["b@1", "c@1"]


def test_an_event_raised_by_a_running_step_is_followed_to_the_task_that_ended_in_that_moment() -> None:
    ev = evr.Eventor("raw", ":memory:", config=QUIET)
    again = ev.add_event("again")
    ev.add_assoc(again, ev.add_step("a"))
    facts = (("again", "1", 0.0), ("again", "2", 2.0))
    assert chain(ev, span("a@1", 0, 2), span("a@2", 2, 5), facts=facts) == ["a@1", "a@2"]


# against brute force

Works = list[tuple[int, list[int]]]


@st.composite
def works(draw: st.DrawFn) -> Works:
    """Steps by how long they take, each with the earlier steps that it requires."""
    found: Works = []
    for place in range(draw(st.integers(1, 7))):
        needs = draw(st.lists(st.sampled_from(range(place)), unique=True)) if place else []
        found.append((draw(st.integers(1, 9)), needs))
    return found


def paths_to(step: int, program: Works) -> Iterator[list[int]]:
    _, needs = program[step]
    if not needs:
        yield [step]
    for need in needs:
        for path in paths_to(need, program):
            yield [*path, step]


@given(works())
def test_where_nothing_but_requirements_is_waited_for_it_is_the_longest_of_all_paths(program: Works) -> None:
    flow = seq.Sequent("flow", ":memory:", config=QUIET)
    steps: list[Any] = []
    ends: list[int] = []
    spans: list[Span] = []
    for place, (takes, needs) in enumerate(program):
        steps.append(flow.add_step(f"s{place}", require=tuple((steps[need], seq.STEP_SUCCESS) for need in needs)))
        started = max((ends[need] for need in needs), default=0)
        ends.append(started + takes)
        spans.append(span(f"s{place}", started, ends[-1]))
    found = [int(name.partition("@")[0][1:]) for name in chain(flow, *spans)]
    every = [path for step in range(len(program)) for path in paths_to(step, program)]
    assert found in every
    assert sum(program[step][0] for step in found) == max(sum(program[step][0] for step in path) for path in every)


Tree = Mapping[str, Any]
trees: st.SearchStrategy[Tree] = st.recursive(
    st.builds(lambda number: {"step": number}, st.integers(0, 4)),
    lambda parts: st.builds(
        lambda word, inner: {word: inner}, st.sampled_from(["and", "or"]), st.lists(parts, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def holds(tree: Tree, came: Callable[[int], bool]) -> bool:
    if "and" in tree:
        return all(holds(part, came) for part in tree["and"])
    return any(holds(part, came) for part in tree["or"]) if "or" in tree else came(tree["step"])


@given(trees, st.dictionaries(st.integers(0, 4), st.integers(0, 9)))
def test_the_decisive_moment_is_the_first_at_which_the_requirement_holds(tree: Tree, times: dict[int, int]) -> None:
    moments = (at for at in sorted(times.values()) if holds(tree, lambda step: times.get(step, 99) <= at))  # noqa: B023
    found = decisive(tree, lambda leaf: Moment(times[leaf["step"]], leaf["step"]) if leaf["step"] in times else None)
    assert (None if found is None else found.at) == next(moments, None)
