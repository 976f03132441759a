"""Kestra: a block that may fail, error handlers of a block and of the flow, and what runs finally."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER, COMPLETE = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER, seq.STEP_COMPLETE


def workflow(flow: seq.Sequent, work: Flaky) -> None:
    """Enriching may fail, what is left of its block is then left out; loading must not."""
    enrich = flow.add_step("enrich")
    first = enrich.add_step("first", work, args=("first",))
    enrich.add_step("second", work, args=("second",), require=((first, OK),))
    enrich.add_step("errors", str, args=("enriching failed",), require=((enrich, FAILED),))
    load = flow.add_step("load", work, args=("load",), require=((enrich, COMPLETE),))
    flow.add_step("publish", work, args=("publish",), require=((load, OK),))
    flow.add_step("alert", str, args=("slack",), require=((flow, FAILED),))
    flow.add_step("finally", str, require=((flow, OVER),))


@pytest.mark.parametrize(
    ("fails", "ok", "runs"),
    [
        ("", True, ["enrich/first", "enrich/second", "load", "publish", "finally"]),
        ("first", True, ["enrich/first", "enrich/errors", "load", "publish", "finally"]),
        ("load", False, ["enrich/first", "enrich/second", "load", "alert", "finally"]),
    ],
)
def test_a_block_may_fail_and_handlers_are_told_of_their_own_block(fails: str, ok: bool, runs: list[str]) -> None:
    ran = run(workflow, Flaky(fails))
    assert ran.ok is ok
    started = [one.partition("@")[0] for one in ran.order]
    last = {"alert", "finally"}
    assert [one for one in started if one not in last] == [one for one in runs if one not in last]
    assert set(started) == set(runs)


def test_a_job_is_asked_for_its_state_every_half_minute_until_it_is_done() -> None:
    states = iter(["queued", "running", "running", "done"])

    def build(flow: seq.Sequent) -> None:
        finished = seq.until(limit=100)
        job = flow.add_step("job", loop=finished)
        asked = job.add_step("ask", lambda: next(states), delay=30)
        finished.when(asked.result == "done")
        flow.add_step("fetch", str, require=((job, OK),))

    ran = run(build)
    assert ran.ok
    assert ran.order == [*(f"job/ask@1.{n}" for n in range(1, 5)), "fetch@1"]
