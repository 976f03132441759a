"""AWS Batch: array jobs, of which each child waits for the child of the same number, or for the one before it."""

from __future__ import annotations

from pathlib import Path

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run

OK = seq.STEP_SUCCESS


def array_jobs(flow: seq.Sequent, work: Flaky) -> None:
    """Children of `split` follow one another; `fit` is N_TO_N behind it, and `merge` behind all of the array."""
    prepared = flow.add_step("prepare", lambda: 4)
    array = flow.add_step("array", loop=range(4), concurrent=4, require=((prepared, OK),))
    split = array.add_step("split", work, args=(array.item,), require=((seq.previous("split"), OK),))
    fit = array.add_step("fit", lambda n: n * n, args=(split.result,))
    flow.add_step("merge", sum, args=(array.results(fit),))


def test_children_wait_for_their_number_and_a_failure_leaves_out_all_that_depend_on_it(tmp_path: Path) -> None:
    work = Flaky(2)
    ran = run(array_jobs, work, store=tmp_path / "run.db", stop_on_exception=False)
    assert not ran.ok
    assert in_order(ran, "prepare@1", "array/split@1.1", "array/split@1.2", "array/split@1.3")
    assert in_order(ran, "array/split@1.2", "array/fit@1.2")
    assert not {"array/fit@1.3", "array/split@1.4", "merge@1"} & set(ran.order)
    work.mend()
    ran = run(array_jobs, work, store=tmp_path / "run.db", again=True, stop_on_exception=False)
    assert ran.ok
    assert sorted(ran.order) == ["array/fit@1.3", "array/fit@1.4", "array/split@1.3", "array/split@1.4", "merge@1"]
    assert ran.results["merge@1"] == 0 + 1 + 4 + 9
