"""Prefect: tasks mapped over a list with a constant beside it, failures that are let in, and rollbacks."""

from __future__ import annotations

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER, COMPLETE = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER, seq.STEP_COMPLETE


def test_a_task_is_mapped_over_one_argument_and_lets_failures_in() -> None:
    def build(flow: seq.Sequent) -> None:
        pages = flow.add_step("pages", lambda: ["a", "b", "c"])
        fetched = flow.add_step("fetch", loop=pages.result, concurrent=3, config={"stop_on_exception": False})
        page = fetched.add_step("page", Flaky("b"), args=(fetched.item,), config={"retries": 1, "retry_delay": 60})
        sized = fetched.add_step("size", lambda text, unit: f"{len(text)} {unit}", args=(page.result, "letters"))
        flow.add_step("total", list, args=(fetched.results(sized),), require=((fetched, COMPLETE),))

    ran = run(build, max_concurrent=3)
    assert ran.ok
    assert ran.order.count("fetch/page@1.2") == 2
    assert ran.results["total@1"] == ["1 letters", None, "1 letters"]


def test_a_transaction_that_fails_takes_back_what_it_has_done_and_stays_a_failure() -> None:
    table: list[str] = []

    def write(text: str) -> None:
        table.append(text)

    def build(flow: seq.Sequent, check: Flaky) -> None:
        stored = flow.add_step("transaction")
        rows = stored.add_step("write", write, args=("rows",))
        stored.add_step("check", check, args=("rows",), require=((rows, OK),))
        stored.add_step("rollback", table.clear, require=((stored, FAILED), (rows, OK)))
        flow.add_step("commit", str, args=("committed",), require=((stored, OK),))

    ran = run(build, Flaky("rows"))
    assert not ran.ok
    assert ran.order[-1] == "transaction/rollback@1.1"
    assert table == []
    ran = run(build, Flaky())
    assert ran.ok
    assert table == ["rows"]
