"""GitLab CI: stages, a job that is allowed to fail, jobs on failure, and jobs that wait for nothing but their needs."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER


def pipeline(flow: seq.Sequent, work: Flaky) -> None:
    """Stages are containers; `docs` needs one job only, and waits for no stage."""
    compiled = flow.add_step("compile", work, args=("compile",))
    flow.add_step("docs", work, args=("docs",), require=((compiled, OK),))
    testing = flow.add_step("testing", require=((compiled, OK),), config={"stop_on_exception": False})
    testing.add_step("unit", work, args=("unit",))
    testing.add_step("lint", work, args=("lint",), config={"allow_failure": True})
    flow.add_step("deploy", work, args=("deploy",), require=((testing, OK),))
    flow.add_step("revert", work, args=("revert",), require=((flow, FAILED),))


@pytest.mark.parametrize(
    ("fails", "ok", "not_run"),
    [("", True, "revert"), ("lint", True, "revert"), ("unit", False, "deploy"), ("docs", False, None)],
)
def test_only_a_failure_that_is_not_allowed_keeps_the_next_stage_from_running(
    fails: str, ok: bool, not_run: str | None
) -> None:
    ran = run(pipeline, Flaky(fails), stop_on_exception=False)
    assert ran.ok is ok
    started = {one.partition("@")[0].rpartition("/")[2] for one in ran.order}
    assert {"compile", "docs", "unit", "lint", "deploy", "revert"} - started == {not_run} - {None}
    if not ok:
        assert in_order(ran, "testing/lint@1.1", "revert@1")


def test_a_job_behind_one_that_is_allowed_to_fail_runs_after_its_failure_if_it_says_so() -> None:
    def build(flow: seq.Sequent) -> None:
        linted = flow.add_step("lint", Flaky(None))
        flow.add_step("badge", str, require=((linted, seq.STEP_COMPLETE),))

    ran = run(build)
    assert ran.ok
    assert ran.order == ["lint@1", "badge@1"]


@pytest.mark.parametrize(("answer", "runs"), [("production", ["build@1", "deploy@1"]), (None, ["build@1"])])
def test_a_manual_job_waits_for_somebody_and_may_be_declined(answer: str | None, runs: list[str]) -> None:
    def build(flow: seq.Sequent) -> None:
        built = flow.add_step("build", str)
        started = flow.add_wait("start", require=((built, OK),))
        flow.add_step("deploy", str, args=(started.result,), when=started.result)

    ran = run(build, answers={"start": answer})
    assert ran.ok
    assert [one for one in ran.order if one != "start@1"] == runs
