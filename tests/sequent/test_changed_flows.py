"""Flows that change while a run is under way: what `continue` adopts or refuses, and what `recover` then does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.errors import ProgramChangedError
from sequent import STEP_FAILURE, STEP_SUCCESS
from tests.support import boom, flow, rows

RESTART, RECOVER, CONTINUE = seq.RunMode.restart, seq.RunMode.recover, seq.RunMode.continue_


class Work:
    """Notes what ran; kills its process, or fails, where it is told to."""

    def __init__(self, *, dies: str = "", fails: str = "") -> None:
        self.dies = dies
        self.fails = fails
        self.ran: list[str] = []

    def __call__(self) -> None:
        me = f"{seq.current().name}@{seq.current().sequence}"
        if me == self.dies:
            os._exit(9)
        self.ran.append(me)
        if me == self.fails:
            boom(me)


Build = Callable[[seq.Sequent, Work], object]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def killed(store: Path, build: Build, work: Work, **config: Any) -> None:
    """Run the flow in a process that dies on the way."""
    child = os.fork()
    if child == 0:
        try:
            made = flow(store, RESTART, **config)
            build(made, work)
            made()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def entered(store: Path, mode: seq.RunMode, build: Build, *, fails: str = "") -> tuple[bool, list[str]]:
    """What a changed flow returns, and what ran."""
    work = Work(fails=fails)
    made = flow(store, mode)
    build(made, work)
    return made.run(accept_removed=True), work.ran


def under_way(store: Path) -> list[tuple[object, ...]]:
    """What the store says is not over yet."""
    return rows(store, "select step, sequence from {tasks} where status in ('ready', 'active')") + rows(
        store, "select scope, sequence from eventcore_iterations where status = 'active'"
    )


def everything(store: Path) -> list[list[tuple[object, ...]]]:
    tables = ("tasks", "iterations", "loops", "attempts", "results", "recoveries", "delays")
    return [rows(store, f"select * from eventcore_{table}") for table in tables]


def refused(store: Path, build: Build, match: str) -> None:
    """Continuing says why not in a line, and leaves everything as it was."""
    before, work = everything(store), Work()
    made = flow(store, CONTINUE)
    build(made, work)
    with pytest.raises(ProgramChangedError, match=f"{match}.*recover the run instead") as error:
        made.run(accept_removed=True)
    assert "\n" not in str(error.value)
    assert everything(store) == before and not work.ran


def pair(f: seq.Sequent, work: Work) -> seq.FlowStep:
    """A container of two iterations, with one step in them."""
    c = f.add_step("c", loop=range(2))
    c.add_step("a", work)
    return c


def single(f: seq.Sequent, work: Work) -> seq.FlowStep:
    """A container without a loop."""
    c = f.add_step("c")
    c.add_step("a", work)
    return c


def test_a_step_added_to_an_iteration_that_is_open_runs_and_a_recovery_adds_it_to_the_others(store: Path) -> None:
    def more(f: seq.Sequent, work: Work) -> None:
        pair(f, work).add_step("b", work)

    killed(store, pair, Work(dies="c/a@1.2"))
    assert entered(store, CONTINUE, more) == (True, ["c/a@1.2", "c/b@1.2"])
    assert entered(store, RECOVER, more) == (True, ["c/b@1.1"])
    assert entered(store, RECOVER, more) == (True, [])


def test_a_step_that_was_under_way_can_be_given_a_loop(store: Path) -> None:
    killed(store, lambda f, work: f.add_step("a", work), Work(dies="a@1"))
    assert entered(store, CONTINUE, lambda f, work: f.add_step("a", work, loop=range(2))) == (True, ["a@1.1", "a@1.2"])
    assert not under_way(store)


def test_a_step_that_was_under_way_can_be_given_steps_inside(store: Path) -> None:
    killed(store, lambda f, work: f.add_step("c", work), Work(dies="c@1"))
    assert entered(store, CONTINUE, single) == (True, ["c/a@1.1"])
    assert not under_way(store)


def test_what_was_under_way_in_a_container_that_is_a_step_now_is_recorded_as_cancelled(store: Path) -> None:
    killed(store, pair, Work(dies="c/a@1.1"))
    assert entered(store, CONTINUE, lambda f, work: f.add_step("c", work)) == (True, ["c@1"])
    assert not under_way(store)
    assert rows(store, "select status from {tasks} where step = 'c/a'") == [("cancelled",)]
    assert rows(store, "select status from eventcore_iterations") == [("cancelled",)]


def test_a_removed_step_leaves_nothing_outstanding(store: Path) -> None:
    def waiting(f: seq.Sequent, work: Work) -> None:
        f.add_step("late", work, delay=1000)
        f.add_step("a", work)
        f.add_step("b", work)

    killed(store, waiting, Work(dies="a@1"))
    made = flow(store, CONTINUE)
    made.add_step("b", work := Work())
    assert made.run(accept_removed=True)
    assert work.ran == ["b@1"]
    assert made.count_todos() == (0, None)
    assert not under_way(store)


def test_a_container_under_way_cannot_be_given_a_loop(store: Path) -> None:
    killed(store, single, Work(dies="c/a@1.1"))
    refused(store, pair, "step c@1 was under way without a loop and has one now")
    assert entered(store, RECOVER, pair) == (True, ["c/a@1.1", "c/a@1.2"])


def test_a_container_under_way_cannot_lose_its_loop(store: Path) -> None:
    killed(store, pair, Work(dies="c/a@1.2"))
    refused(store, single, "step c@1 was under way with a loop and has none now")
    assert entered(store, RECOVER, single) == (True, [])


def test_a_loop_that_changed_keeps_the_items_that_were_recorded(store: Path) -> None:
    def longer(f: seq.Sequent, work: Work) -> None:
        f.add_step("c", loop=["x", "y", "z"]).add_step("a", work)

    killed(store, pair, Work(dies="c/a@1.1"))
    assert entered(store, CONTINUE, longer) == (True, ["c/a@1.1", "c/a@1.2"])


def test_an_iteration_that_a_failure_ended_does_not_go_on_when_the_failure_is_handled_now(store: Path) -> None:
    def failing(f: seq.Sequent, work: Work) -> seq.FlowStep:
        c = f.add_step("c")
        c.add_step("a", work)
        c.add_step("slow", work)
        f.add_step("then", work, require=((c, STEP_FAILURE),))
        return c

    def handled(f: seq.Sequent, work: Work) -> None:
        c = failing(f, work)
        c.add_step("mend", work, require=((c.children["a"], STEP_FAILURE),))

    work = Work(dies="c/slow@1.1", fails="c/a@1.1")
    # both run in threads of one engine: the failure is recorded before the other step kills the process
    killed(store, one_after_the_other(failing, work), work, task_construct="thread", max_concurrent=2)
    assert rows(store, "select halted from eventcore_iterations") == [(1,)]
    refused(store, handled, "iteration 1.1 of c was ended by a failure of c/a")
    recovered = entered(store, RECOVER, handled, fails="c/a@1.1")
    assert recovered == (True, ["c/a@1.1", "c/slow@1.1", "c/mend@1.1"])


def one_after_the_other(build: Callable[[seq.Sequent, Work], seq.FlowStep], work: Work) -> Build:
    """Have the step `slow` wait until a failure has ended its iteration."""

    def built(f: seq.Sequent, _: Work) -> None:
        c = build(f, work)
        slow = c.children["slow"].func
        assert slow is not None

        def waits() -> None:
            while not rows(f.store, "select 1 from eventcore_iterations where halted"):
                time.sleep(0.01)
            slow()

        c.children["slow"].func = waits

    return built


def test_a_step_that_was_reached_runs_although_its_requirement_says_otherwise_now(store: Path) -> None:
    def changed(f: seq.Sequent, work: Work) -> None:
        c = f.add_step("c")
        a = c.add_step("a", work)
        b = c.add_step("b", work, require=((a, STEP_FAILURE),))
        c.add_step("d", work, require=((b, STEP_SUCCESS),))
        f.add_step("e", work, require=((c, STEP_SUCCESS),))

    def before(f: seq.Sequent, work: Work) -> None:
        c = f.add_step("c")
        c.add_step("a", work)
        c.add_step("b", work)

    killed(store, before, Work(dies="c/b@1.1"))
    assert entered(store, CONTINUE, changed) == (True, ["c/b@1.1", "c/d@1.1", "e@1"])
    assert not under_way(store)
