"""Interrupting the kernel ends a run in an orderly way, and the next cell continues it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebook.kernels import Cell, Kernel

DEFINED = """
import asyncio, time
from pathlib import Path

def held(number):
    print("started", number, flush=True)
    while not Path("released").exists():
        time.sleep(0.05)
    return number

def held_flow(construct="process"):
    flow = seq.Sequent("held", config={"task_construct": construct})
    each = flow.add_step("each", loop=[1, 2])
    each.add_step("held", held, args=(each.item,))
    return flow
"""


@pytest.fixture(autouse=True)
def gate(kernel: Kernel, folder: Path) -> None:
    (folder / "released").unlink(missing_ok=True)
    assert kernel.run(DEFINED).error == ""


def interrupted(kernel: Kernel, code: str, *, times: int) -> Cell:
    """A cell that is interrupted while its first step runs."""
    request = kernel.begin(code)
    kernel.finish(request, until="started 1")
    kernel.interrupt()
    kernel.finish(request, until="stopping: nothing new starts")
    if times == 1:
        kernel.open("released")
    else:
        kernel.interrupt()
    return kernel.finish(request)


@pytest.mark.parametrize("cell", [
    "flow = held_flow()\nflow.run()",
    "flow = held_flow('thread')\nflow.run()",
    "await asyncio.sleep(0)\nflow = held_flow()\nflow.run()",
])  # fmt: skip
@pytest.mark.parametrize("times", [1, 2])
def test_a_run_ends_in_one_line_and_the_next_cell_continues_it(kernel: Kernel, cell: str, times: int) -> None:
    done = interrupted(kernel, cell, times=times)
    ended = " and its running steps were ended" if times == 2 else ""
    run_id = kernel.run("flow.run_id").result["text/plain"]
    assert done.error == f"KeyboardInterrupt: run {run_id} was interrupted{ended}; run() continues it"
    assert f"run: flow.run(run_mode='continue', run_id={run_id})" in done.progress
    kernel.open("released")
    assert kernel.run("flow.run()").result["text/plain"] == "True"
    results = kernel.run("print([task.tries for task in flow.tasks('each/held')], flow.results('each/held'))")
    assert results.stdout == f"{[times, 1]} {{'1.1': 1, '1.2': 2}}\n"


def test_after_a_run_the_kernels_own_way_of_interrupting_is_back(kernel: Kernel) -> None:
    kernel.open("released")
    kernel.run("held_flow().run()")
    request = kernel.begin("print('sleeping', flush=True)\ntime.sleep(100)")
    kernel.finish(request, until="sleeping")
    kernel.interrupt()
    assert "KeyboardInterrupt" in kernel.finish(request).error
