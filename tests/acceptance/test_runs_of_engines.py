"""The process that an engine starts for a submitted run, where it cannot begin."""

from __future__ import annotations

import threading

from eventcore.define.status import Verdict
from eventcore.record.submitted import Waiting
from sequent.cli.left_runs import LeftRuns
from sequent.cli.run_entry import Order, Result
from sequent.cli.run_process import RunProcess

WAITING = Waiting(1, "r", "p", None, 1, Verdict.submitted)


def of_process(store: str) -> Result | str:
    ended = threading.Event()
    process = RunProcess(WAITING, Order(store, "r", "claim"), lambda _: ended.set())
    assert ended.wait(60)
    return process.result()


def test_a_run_whose_store_is_away_when_its_process_begins_is_taken_up_again() -> None:
    result = of_process("postgresql://flow@127.0.0.1:1/runs")
    assert isinstance(result, Result)
    assert result.left is None
    left = LeftRuns()
    assert left.verdict(WAITING, result, is_ending=False).endswith("; it is taken up again")
    assert not left.is_left(WAITING)
