"""Azkaban: conditions on what a job wrote and on how its parents ended, and two ways to go on after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import sequent as seq
from eventcore.act.observer import AttemptFailed, Notice
from tests.foreign.runs import run
from tests.support import boom

OK, OVER = seq.STEP_SUCCESS, seq.STEP_OVER


def conditional(flow: seq.Sequent, written: dict[str, object]) -> None:
    """`d` runs if one of its parents has succeeded and the parameter says so."""
    a = flow.add_step("a", lambda: written)
    b = flow.add_step("b", str, require=((a, OK),), when=a.result.param == 1)
    c = flow.add_step("c", str, require=((a, OK),), when=a.result.param == 2)
    one_success = seq.or_((b, OK), (c, OK))
    flow.add_step("d", str, require=one_success, when=a.result.size > 10)
    flow.add_step("e", str, require=((b, OVER), (c, OVER)), when=a.result.mode == "quick")


@pytest.mark.parametrize(
    ("written", "runs"),
    [
        ({"param": 1, "size": 20, "mode": "quick"}, "abde"),
        ({"param": 2, "size": 20, "mode": "full"}, "acd"),
        ({"param": 3, "size": 20, "mode": "quick"}, "ae"),
        ({"param": 1, "size": 5, "mode": "full"}, "ab"),
    ],
)
def test_a_condition_joins_values_and_the_status_of_parents(written: dict[str, object], runs: str) -> None:
    ran = run(conditional, written)
    assert ran.ok
    assert sorted(ran.order) == [f"{one}@1" for one in runs]


class Heard(seq.Observer):
    """Hears of a failure."""

    kinds = (AttemptFailed,)

    def __init__(self) -> None:
        self.failure = threading.Event()

    def notify(self, notice: Notice) -> None:
        self.failure.set()


def two_chains(flow: seq.Sequent) -> None:
    """Two chains of jobs side by side; the first job of one runs until that of the other has failed."""
    heard = Heard()
    flow.add_observer(heard)
    work: dict[str, Callable[[str], object]] = {"a1": boom, "b1": lambda _: heard.failure.wait(60)}
    for chain in "ab":
        one = flow.add_step(f"{chain}1", work[f"{chain}1"], args=("no disk",))
        two = flow.add_step(f"{chain}2", str, require=((one, OK),))
        flow.add_step(f"{chain}3", str, require=((two, OK),))


@pytest.mark.parametrize(("stop", "runs"), [(True, ["a1@1", "b1@1"]), (False, ["a1@1", "b1@1", "b2@1", "b3@1"])])
def test_after_a_failure_running_jobs_finish_or_all_that_is_possible_is_done(stop: bool, runs: list[str]) -> None:
    ran = run(two_chains, stop_on_exception=stop, task_construct="thread", max_concurrent=2)
    assert not ran.ok
    assert sorted(ran.order) == runs
