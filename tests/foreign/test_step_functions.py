"""Step Functions: callbacks with a task token, retries and catches, a choice, and a map that tolerates failures."""

from __future__ import annotations

import pytest

import eventcore as evr
import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from tests.foreign.runs import Flaky, run
from tests.support import flow

OK, FAILED = seq.STEP_SUCCESS, seq.STEP_FAILURE


def callback(queue: list[str]) -> seq.Sequent:
    """A task that sends its token away and is tried twice, what its output leads to, and a catch."""
    made = flow()
    made.use_clock(VirtualClock())
    paid = made.add_step("pay", lambda: queue.append(seq.current().defer(timeout=3600)), config={"retries": 1})
    made.add_step("ship", str.upper, args=(paid.result.status,))
    made.add_step("refund", str, require=((paid, FAILED),))
    return made


def test_a_callback_ends_the_task_and_a_token_of_an_earlier_try_ends_nothing() -> None:
    queue: list[str] = []
    with callback(queue) as made:
        made.run(1)
        assert made.verdict is evr.Verdict.pending
        made.complete(queue[0], error="the card was refused")
        made.run(1)
        assert made.complete(queue[0], {"status": "late"}).status is evr.RequestStatus.refused
        made.complete(queue[1], {"status": "paid"})
        assert made.run()
        assert made.result("ship") == "PAID"
        assert made.tasks("refund") == []


def test_a_token_that_nobody_uses_times_out_and_the_catch_takes_over() -> None:
    queue: list[str] = []
    with callback(queue) as made:
        assert made.run()
        assert len(queue) == 2
        assert [task.status.value for task in made.tasks("refund")] == ["success"]
        assert made.tasks("ship") == []


def tolerant(flow: seq.Sequent, work: Flaky) -> None:
    """Eight items, three at a time, of which a quarter may fail."""
    items = flow.add_step("items", loop=range(8), concurrent=3,
                          config={"stop_on_exception": False, "allow_failure": True})  # fmt: skip
    done = items.add_step("item", work, args=(items.item,))
    flow.add_step(
        "summary", lambda found: sum(one is not None for one in found), args=(items.results(done),),
        require=(seq.at_least(6, items, OK), (items, seq.STEP_OVER)), config={"must_run": True},
    )  # fmt: skip


@pytest.mark.parametrize(("fails", "ok"), [((), True), ((0, 7), True), ((0, 1, 7), False)])
def test_a_map_tolerates_so_many_failures(fails: tuple[int, ...], ok: bool) -> None:
    ran = run(tolerant, Flaky(*fails), max_concurrent=3)
    assert ran.ok is ok
    assert len(set(ran.order) - {"summary@1"}) == 8
    assert ran.results.get("summary@1") == (8 - len(fails) if ok else None)


@pytest.mark.parametrize(("kind", "runs"), [("private", "private@1"), ("public", "public@1"), ("else", "default@1")])
def test_a_choice_takes_the_first_rule_that_holds_or_the_default(kind: str, runs: str) -> None:
    def build(flow: seq.Sequent) -> None:
        found = flow.add_step("look", lambda: {"type": kind, "value": 22})
        private, public = found.result.type == "private", found.result.type == "public"
        flow.add_step("private", str, when=found.result.type == "private")
        flow.add_step("public", str, when=~private & public & (found.result.value >= 20))
        flow.add_step("default", str, when=~private & ~public)

    ran = run(build)
    assert ran.ok
    assert ran.order == ["look@1", runs]
