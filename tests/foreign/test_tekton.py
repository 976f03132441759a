"""Tekton: guarded tasks, finally tasks that are told how others ended, and tasks whose errors do not count."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, OVER = seq.STEP_SUCCESS, seq.STEP_OVER


def pipeline(flow: seq.Sequent, branch: str, work: Flaky) -> None:
    """Tasks in a group, and behind it the tasks that run in any case."""
    tasks = flow.add_step("tasks")
    clone = tasks.add_step("clone", lambda: {"branch": branch, "commit": "a1b2"})
    scan = tasks.add_step("scan", work, args=("scan",), require=((clone, OK),), config={"allow_failure": True})
    build = tasks.add_step("build", work, args=("build",), require=((scan, OVER), (clone, OK)))
    tasks.add_step("deploy", work, args=("deploy",), require=((build, OK),), when=clone.result.branch == "main")
    flow.add_step("report", lambda made: "Succeeded" if made else "Failed or None", args=(tasks.results(build),),
                  require=((tasks, OVER),))  # fmt: skip
    flow.add_step("tidy", str, require=((tasks, OVER),))


@pytest.mark.parametrize(
    ("branch", "fails", "ok", "runs"),
    [
        ("main", "", True, {"clone", "scan", "build", "deploy"}),
        ("topic", "", True, {"clone", "scan", "build"}),
        ("main", "scan", True, {"clone", "scan", "build", "deploy"}),
        ("main", "build", False, {"clone", "scan", "build"}),
    ],
)
def test_the_final_tasks_run_in_any_case_and_save_nothing(branch: str, fails: str, ok: bool, runs: set[str]) -> None:
    ran = run(pipeline, branch, Flaky(fails))
    assert ran.ok is ok
    assert {one.partition("@")[0] for one in ran.order} == {f"tasks/{one}" for one in runs} | {"report", "tidy"}
    assert set(ran.order[-2:]) == {"report@1", "tidy@1"}
    assert ran.results["report@1"] == ("Succeeded" if fails != "build" else "Failed or None")
