"""Which steps `status` shows of a run: all of a few, of many those that are not well, or those that are asked for."""

from __future__ import annotations

from typing import Any

from eventcore.define.stored import read
from sequent import Sequent
from tests.visual.drawings import QUIET
from visual.live.selection import FEW, ROOM, Selection, everything, in_short, in_states, with_containers
from visual.outline import StepNode, outline_of
from visual.standing import Standing

UNREACHED = Standing("waiting", {}, None)


def standing(state: str, **counts: int) -> Standing:
    return Standing(state, counts or {state: 1}, None)


def flat(count: int) -> tuple[StepNode, ...]:
    """Steps in a row, and a container with two."""
    flow = Sequent("flat", ":memory:", config=QUIET)
    for i in range(count):
        flow.add_step(f"s{i}")
    box = flow.add_step("box")
    box.add_step("a")
    box.add_step("b")
    return outline_of(read(flow.document))


def short(nodes: tuple[StepNode, ...], **states: Any) -> Selection:
    return in_short(nodes, {**{f"s{i}": standing("success") for i in range(5000)}, **states}, UNREACHED)


def test_all_of_a_few_steps_are_shown() -> None:
    nodes = flat(FEW - 3)
    found = short(nodes)
    assert found.is_all
    assert found.paths == {node.path for top in nodes for node in top.walk()}
    assert not short(flat(FEW - 2)).is_all


def test_of_many_steps_those_that_failed_or_are_active_are_shown_and_all_are_counted() -> None:
    found = short(flat(1000), s3=standing("failure"), s500=standing("active"), s9=standing("interrupted", active=1))
    assert found.paths == {"s3", "s500", "s9"}
    assert found.counts == {"success": 997, "failure": 1, "active": 1, "interrupted": 1, "waiting": 2}
    assert found.omitted == {}


def test_failures_have_room_before_what_is_active() -> None:
    states = {f"s{i}": standing("failure" if i % 2 else "active") for i in range(100)}
    found = short(flat(1000), **states)
    assert found.paths == {f"s{i}" for i in range(1, 2 * ROOM, 2)}
    assert found.omitted == {"failure": 50 - ROOM, "active": 50}


def test_a_failed_container_is_shown_by_what_failed_inside_or_by_itself() -> None:
    states = {"box": standing("failure"), "box/a": standing("failure"), "box/b": standing("success")}
    nodes = flat(100)
    assert short(nodes, **states).paths == {"box/a"}
    assert short(nodes, box=standing("failure")).paths == {"box"}
    assert with_containers(nodes, {"box/a", "s1"}) == {"box", "box/a", "s1"}


def test_a_step_with_some_failed_instances_has_failed_whatever_state_it_is_in() -> None:
    mixed = {"s1": standing("active", active=2, failure=1)}
    assert in_states(flat(3), mixed, UNREACHED, ("failure",)).paths == {"s1"}
    assert in_states(flat(3), mixed, UNREACHED, ("active",)).paths == {"s1"}


def test_everything_is_shown_if_it_is_asked_for() -> None:
    assert len(everything(flat(1000), {}, UNREACHED).paths) == 1003
