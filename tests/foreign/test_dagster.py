"""Dagster: outputs as many as there turn out to be, outputs that may be left out, and a run again from the failure."""

from __future__ import annotations

from pathlib import Path

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK = seq.STEP_SUCCESS


def dynamic(flow: seq.Sequent, files: dict[str, int], work: Flaky) -> None:
    """Outputs have keys; what is collected behind them has the keys, too."""
    found = flow.add_step("find", lambda: files)
    each = flow.add_step("each", loop=found.result)
    processed = each.add_step("process", work, args=(each.item,))
    checked = each.add_step("check", lambda n: n > 0, args=(processed.result,))
    flow.add_step("collect", dict, args=(each.results(checked),))


def test_a_run_again_from_the_failure_does_what_failed_and_what_is_behind_it(tmp_path: Path) -> None:
    work, files = Flaky(7), {"a": 3, "b": 7, "c": 0}
    ran = run(dynamic, files, work, store=tmp_path / "run.db", stop_on_exception=False)
    assert not ran.ok
    assert "collect@1" not in ran.order
    work.mend()
    ran = run(dynamic, files, work, store=tmp_path / "run.db", again=True, stop_on_exception=False)
    assert ran.ok
    assert ran.order == ["each/process@1.b", "each/check@1.b", "collect@1"]
    assert ran.results["collect@1"] == {"a": True, "b": True, "c": False}


@pytest.mark.parametrize(("number", "runs"), [(4, ["toss@1", "even@1", "end@1"]), (5, ["toss@1", "odd@1", "end@1"])])
def test_what_is_behind_an_output_that_was_left_out_does_not_run(number: int, runs: list[str]) -> None:
    def build(flow: seq.Sequent) -> None:
        tossed = flow.add_step("toss", lambda: {"even": number} if number % 2 == 0 else {"odd": number})
        even = flow.add_step("even", str, args=(tossed.result.even,), when=tossed.result == {"even": number})
        odd = flow.add_step("odd", str, args=(tossed.result.odd,), when=tossed.result == {"odd": number})
        flow.add_step("end", str, require=seq.or_((even, OK), (odd, OK)))

    ran = run(build)
    assert ran.ok
    assert ran.order == runs
