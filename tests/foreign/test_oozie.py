"""Oozie: a fork and its join, a decision with a default, error transitions and a kill node."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER


def kill() -> None:
    raise RuntimeError("killed: the data is no good")


def workflow(flow: seq.Sequent, rows: int, work: Flaky) -> None:
    """Both sides of the fork, then by size one of two ways; an error goes to the mail, and from there to the end."""
    fork = flow.add_step("fork")
    fork.add_step("pig", work, args=("pig",))
    measured = fork.add_step("measure", lambda: rows)
    size_of = fork.results(measured)
    flow.add_step("mail", str, args=("look at the fork",), require=((fork, FAILED),))
    big, huge = size_of > 10, size_of > 1000
    flow.add_step("kill", kill, when=huge)
    flow.add_step("cluster", str, when=big & ~huge)
    flow.add_step("here", str, when=~big)


@pytest.mark.parametrize(
    ("size", "fails", "ok", "runs"),
    [
        (3, "", True, {"fork/pig@1.1", "fork/measure@1.1", "here@1"}),
        (30, "", True, {"fork/pig@1.1", "fork/measure@1.1", "cluster@1"}),
        (3000, "", False, {"fork/pig@1.1", "fork/measure@1.1", "kill@1"}),
        (3, "pig", True, {"fork/pig@1.1", "fork/measure@1.1", "mail@1"}),
    ],
)
def test_one_way_is_taken_behind_the_join(size: int, fails: str, ok: bool, runs: set[str]) -> None:
    ran = run(workflow, size, Flaky(fails), task_construct="thread", max_concurrent=2)
    assert ran.ok is ok
    assert set(ran.order) == runs
