"""Runs in the background of a notebook: other cells are executed meanwhile."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel

CELL = """
import threading
import sequent as seq

may_end = threading.Event()

def first():
    assert may_end.wait(600)
    return 1

flow = seq.Sequent(store={store!r}, config={{"task_construct": "thread"}})
one = flow.add_step("one", first)
flow.add_step("two", lambda: 2, require=((one, seq.STEP_SUCCESS),))
going = flow.run(background=True)
print(bool(going.run_id), going.status)
"""


@pytest.mark.parametrize("store", ["runs.db", ":memory:"])
def test_other_cells_are_executed_while_a_run_goes_on(kernel: Kernel, store: str) -> None:
    begun = kernel.run(CELL.format(store=store))
    assert begun.error == ""
    assert begun.stdout.splitlines()[-1:] == ["True running"]
    assert kernel.run("1 + 1").result["text/plain"] == "2"
    ended = kernel.run("may_end.set(); print(going.wait(), going.status, flow.result('two'))")
    assert ended.error == ""
    assert ended.stdout.splitlines()[-1:] == ["True success 2"]
