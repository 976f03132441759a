"""Continuing a flow that its engine left midway: what was ended, cancelled, held or given up stays so."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from sequent import STEP_FAILURE, STEP_SUCCESS
from tests.sequent.test_changed_flows import CONTINUE, RECOVER, Work, entered, killed, one_after_the_other, under_way
from tests.support import flow, rows


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def test_nothing_new_starts_in_an_iteration_that_a_failure_ended_before_the_kill(store: Path) -> None:
    def failing(f: seq.Sequent, work: Work) -> seq.FlowStep:
        c = f.add_step("c")
        c.add_step("a", work)
        slow = c.add_step("slow", work)
        c.add_step("late", work, require=((slow, STEP_SUCCESS),))
        f.add_step("then", work, require=((c, STEP_FAILURE),))
        return c

    work = Work(dies="c/slow@1.1", fails="c/a@1.1")
    killed(store, one_after_the_other(failing, work), work, task_construct="thread", max_concurrent=2)
    assert entered(store, CONTINUE, failing) == (True, ["c/slow@1.1", "then@1"])
    assert not under_way(store)


def test_what_was_cancelled_before_the_kill_stays_so_and_holds_no_units(store: Path) -> None:
    def built(f: seq.Sequent, work: Work) -> seq.FlowStep:
        pool = seq.ResourcePool("p", 1)
        c = f.add_step("c")
        c.add_step("a", work, acquires=((pool, 1),))
        kept = c.add_step("keeps", work, acquires=((pool, 1),), releases=())
        c.add_step("follows", work, require=((kept, STEP_SUCCESS),))
        f.add_step("then", work, require=((c, STEP_SUCCESS),))
        return c

    def cancelling(f: seq.Sequent, work: Work) -> None:
        def dies() -> None:
            assert evr.steer(store).cancel("c/keeps").is_done
            os._exit(9)

        built(f, work).children["a"].func = dies

    killed(store, cancelling, Work(), task_construct="thread")
    assert entered(store, CONTINUE, built) == (True, ["c/a@1.1", "then@1"])
    assert rows(store, "select status from {tasks} where step = 'c/keeps'") == [("cancelled",)]
    assert not under_way(store)


def test_a_container_that_was_under_way_still_has_its_units(store: Path) -> None:
    def built(f: seq.Sequent, work: Work) -> None:
        pool = seq.ResourcePool("p", 1)
        f.add_step("c", loop=range(2), acquires=((pool, 1),)).add_step("a", work)
        f.add_step("other", work, acquires=((pool, 1),))

    killed(store, built, Work(dies="c/a@1.1"))
    assert entered(store, CONTINUE, built) == (True, ["c/a@1.1", "c/a@1.2", "other@1"])


@pytest.mark.parametrize("mode", [CONTINUE, RECOVER])
def test_a_step_that_must_never_be_done_twice_counts_as_done_when_its_engine_died(
    store: Path, mode: seq.RunMode
) -> None:
    def built(f: seq.Sequent, work: Work) -> None:
        pay = f.add_step("pay", work, recovery={seq.STEP_ACTIVE: seq.STEP_SKIP})
        f.add_step("book", work, require=((pay, STEP_SUCCESS),))

    killed(store, built, Work(dies="pay@1"))
    assert entered(store, mode, built) == (True, ["book@1"])


def test_no_iteration_begins_after_ctrl_c_and_continue_walks_the_rest(store: Path) -> None:
    def built(f: seq.Sequent, work: Work) -> seq.FlowStep:
        c = f.add_step("c", loop=range(3))
        c.add_step("a", work)
        return c

    f, work = flow(store), Work()

    def pressed() -> None:
        work()
        if seq.current().sequence == "1.2":
            os.kill(os.getpid(), signal.SIGINT)

    built(f, work).children["a"].func = pressed
    with pytest.raises(KeyboardInterrupt):
        f.run()
    assert work.ran == ["c/a@1.1", "c/a@1.2"]
    assert rows(store, "select begun, l.over from {loops} l") == [(2, 2)]
    assert entered(store, CONTINUE, built) == (True, ["c/a@1.3"])


def test_units_that_one_step_took_and_another_returned_are_free_for_the_next_engine(store: Path) -> None:
    def built(f: seq.Sequent, work: Work) -> None:
        pool = seq.ResourcePool("p", 1)
        taker = f.add_step("taker", work, acquires=((pool, 1),), releases=())
        giver = f.add_step("giver", work, require=((taker, STEP_SUCCESS),), releases=((pool, 1),))
        between = f.add_step("between", work, require=((giver, STEP_SUCCESS),))
        f.add_step("next", work, require=((between, STEP_SUCCESS),), acquires=((pool, 1),))

    killed(store, built, Work(dies="between@1"))
    assert entered(store, CONTINUE, built) == (True, ["between@1", "next@1"])


def test_a_step_that_counts_as_done_returns_its_own_units_and_not_those_of_its_container(store: Path) -> None:
    def built(f: seq.Sequent, work: Work) -> None:
        pool = seq.ResourcePool("p", 2)
        c = f.add_step("c", acquires=((pool, 1),))
        pay = c.add_step("pay", work, acquires=((pool, 1),), recovery={seq.STEP_ACTIVE: seq.STEP_SKIP})
        c.add_step("book", work, require=((pay, STEP_SUCCESS),), acquires=((pool, 1),))
        c.add_step("needs all", work, require=((pay, STEP_SUCCESS),), acquires=((pool, 2),))

    killed(store, built, Work(dies="c/pay@1.1"))
    assert entered(store, CONTINUE, built) == (False, ["c/book@1.1"])
