"""GitHub Actions: a matrix that goes on after failures, jobs that may fail, and jobs that run on failure or always."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER


def matrix() -> dict[str, dict[str, Any]]:
    """Systems and versions, without one that does not exist, and with one more that is an experiment."""
    legs = {f"{system}-{version}": {"experimental": False} for system, version in product(("linux", "mac"), (11, 12))}
    del legs["mac-11"]
    return {**legs, "linux-13": {"experimental": True}}


def workflow(flow: seq.Sequent, test: Flaky) -> None:
    """Build, then test in a matrix, then deploy; tell of failures at once, and clean up in any case."""
    built = flow.add_step("build", lambda: {"version": "1.4"})
    testing = flow.add_step("testing", require=((built, OK),))
    legs = testing.add_step("legs", loop=matrix, concurrent=3, config={"stop_on_exception": False})
    legs.add_step("test", test, args=(legs.key,), when=~legs.item.experimental)
    legs.add_step("try", test, args=(legs.key,), when=legs.item.experimental, config={"allow_failure": True})
    testing.add_step("notify", str, args=("tests failed",), require=((testing, FAILED),))
    flow.add_step("deploy", str, args=(built.result.version,), require=((testing, OK),))
    flow.add_step("cleanup", str, require=((testing, OVER),), recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})


def test_all_legs_run_though_one_fails_and_the_workflow_fails(tmp_path: Path) -> None:
    test = Flaky("linux-11")
    ran = run(workflow, test, store=tmp_path / "ci.db", max_concurrent=3)
    assert not ran.ok
    legs = {one.rpartition(".")[2] for one in ran.order if "legs/" in one}
    assert legs == {"linux-11", "linux-12", "mac-12", "linux-13"}
    assert {"testing/notify@1.1", "cleanup@1"} <= set(ran.order)
    assert "deploy@1" not in ran.order
    test.mend()  # re-run failed jobs
    ran = run(workflow, test, store=tmp_path / "ci.db", again=True, max_concurrent=3)
    assert ran.ok
    assert [one for one in ran.order if "legs/" in one] == ["testing/legs/test@1.1.linux-11"]
    assert "testing/notify@1.1" not in ran.order
    assert "cleanup@1" in ran.order
    assert ran.results["deploy@1"] == "1.4"


def test_the_experiment_may_fail() -> None:
    ran = run(workflow, Flaky("linux-13"), max_concurrent=3)
    assert ran.ok
    assert ran.statuses["testing/legs/try@1.1.linux-13"] == "failure"
    assert {"deploy@1", "cleanup@1"} <= set(ran.order)
    assert "testing/notify@1.1" not in ran.order
