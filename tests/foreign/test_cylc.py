"""Cylc: cycles that depend on the cycle before, a runahead limit, outputs in the middle of a task, failure paths."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run

OK, FAILED, COMPLETE = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_COMPLETE


class Suite:
    """A forecast: its model needs the model of the cycle before; most of each cycle needs nothing of that."""

    def __init__(self, *fails: int) -> None:
        self.model = Flaky(*fails)
        self.lock = threading.Lock()
        self.active: set[int] = set()
        self.most = 0

    def prepare(self, cycle: int) -> int:
        with self.lock:
            self.active.add(cycle)
            self.most = max(self.most, len(self.active))
        return cycle

    def archive(self, cycle: int) -> None:
        with self.lock:
            self.active.remove(cycle)

    def flow(self, flow: seq.Sequent) -> None:
        """`install` once (R1); in each cycle (P1) `model[-P1] & prepare => model => archive`; two cycles at once."""
        installed = flow.add_step("install", str)
        cycles = flow.add_step("cycles", loop=range(1, 6), concurrent=2, require=((installed, OK),))
        ready = cycles.add_step("prepare", self.prepare, args=(cycles.item,))
        model = cycles.add_step("model", self.model, args=(ready.result,), require=((seq.previous("model"), OK),))
        cycles.add_step("archive", self.archive, args=(model.result,))
        flow.add_step("remove", str, require=((cycles, OK),))


def test_cycles_overlap_but_for_what_needs_the_cycle_before() -> None:
    suite = Suite()
    ran = run(suite.flow, task_construct="thread", max_concurrent=4)
    assert ran.ok
    assert in_order(ran, "install@1", *(f"cycles/model@1.{n}" for n in range(1, 6)), "remove@1")
    assert in_order(ran, "cycles/prepare@1.2", "cycles/archive@1.1")
    assert suite.most <= 2


def test_a_model_that_fails_holds_up_later_cycles_until_it_has_run(tmp_path: Path) -> None:
    suite = Suite(3)
    ran = run(suite.flow, store=tmp_path / "suite.db", max_concurrent=4, stop_on_exception=False)
    assert not ran.ok
    assert "cycles/model@1.4" not in ran.statuses
    assert "cycles/prepare@1.4" in ran.order
    suite.model.mend()
    ran = run(suite.flow, store=tmp_path / "suite.db", again=True, max_concurrent=4, stop_on_exception=False)
    assert ran.ok
    assert in_order(ran, *(f"cycles/model@1.{n}" for n in (3, 4, 5)), "remove@1")
    assert "cycles/prepare@1.4" not in ran.order


def test_products_of_an_output_are_made_while_the_task_still_runs() -> None:
    made = threading.Event()

    def model(kind: str) -> None:
        seq.current().emit(kind, f"{kind}.grib")
        assert kind == "y" or made.wait(60), "the product of x is made meanwhile"

    def process(name: str) -> str:
        made.set()
        return name

    def build(flow: seq.Sequent, kind: str) -> None:
        running = flow.add_step("model", model, args=(kind,))
        x, y = running.event("x"), running.event("y")
        flow.add_step("proc-x", process, args=(x.value,))
        flow.add_step("proc-y", process, args=(y.value,))
        flow.add_step("end", str, require=((running, OK),))

    for kind, other in ("xy", "yx"):
        ran = run(build, kind, task_construct="thread", max_concurrent=2)
        assert ran.ok
        assert ran.results[f"proc-{kind}@1"] == f"{kind}.grib"
        assert f"proc-{other}@1" not in ran.statuses
        assert "end@1" in ran.order


@pytest.mark.parametrize(
    ("fails", "runs"),
    [("", ["a", "b", "c", "end"]), ("a", ["a", "end"]), ("b", ["a", "b", "end"]), ("c", ["a", "b", "c", "end"])],
)
def test_a_chain_ends_at_a_failure_that_is_expected_and_what_follows_runs_in_any_case(
    fails: str, runs: list[str]
) -> None:
    def build(flow: seq.Sequent, work: Flaky) -> None:
        a = flow.add_step("a", work, args=("a",))
        b = flow.add_step("b", work, args=("b",), require=((a, OK),))
        c = flow.add_step("c", work, args=("c",), require=((b, OK),))
        flow.add_step("end", str, require=seq.or_((a, FAILED), (b, FAILED), (c, COMPLETE)))

    ran = run(build, Flaky(fails))
    assert ran.ok
    assert ran.order == [f"{one}@1" for one in runs]
