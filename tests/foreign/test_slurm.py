"""Slurm: job dependencies afterok, afternotok, afterany, after and aftercorr, and a job of which one runs at a time."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, ACTIVE, COMPLETE = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_ACTIVE, seq.STEP_COMPLETE


def jobs(flow: seq.Sequent, work: Flaky) -> None:
    first = flow.add_step("first", work, args=("first",))
    for name, status in {"after": ACTIVE, "afterok": OK, "afternotok": FAILED, "afterany": COMPLETE}.items():
        flow.add_step(name, str, require=((first, status),))


@pytest.mark.parametrize(
    ("fails", "runs"), [("", {"after", "afterok", "afterany"}), ("first", {"after", "afternotok", "afterany"})]
)
def test_a_dependency_is_a_clause(fails: str, runs: set[str]) -> None:
    ran = run(jobs, Flaky(fails))
    assert ran.ok
    assert {one.partition("@")[0] for one in ran.order} == runs | {"first"}


def test_tasks_of_an_array_correspond_and_no_two_of_a_singleton_run_at_once() -> None:
    """Each task of the second array waits for its task of the first; the second array is one name, one at a time."""
    solver = seq.ResourcePool("solver", 1)
    spans: list[str] = []

    def solve(n: int) -> None:
        spans.append(f"begin {n}")
        try:
            if n == 2:
                raise ValueError("does not converge")
        finally:
            spans.append(f"end {n}")

    def build(flow: seq.Sequent) -> None:
        tasks = flow.add_step("tasks", loop=[1, 2, 3, 4], concurrent=4)
        meshed = tasks.add_step("mesh", lambda n: n, args=(tasks.item,), config={"allow_failure": True})
        solved = tasks.add_step("solve", solve, args=(meshed.result,), acquires=[(solver, 1)])
        tasks.add_step("plot", str, args=(tasks.item,), require=((solved, OK),))

    ran = run(build, task_construct="thread", max_concurrent=4, stop_on_exception=False)
    assert not ran.ok
    assert sorted(one for one in ran.order if "plot" in one) == ["tasks/plot@1.1", "tasks/plot@1.3", "tasks/plot@1.4"]
    assert sorted(spans[::2]) == ["begin 1", "begin 2", "begin 3", "begin 4"]
    assert spans[1::2] == [begin.replace("begin", "end") for begin in spans[::2]]
