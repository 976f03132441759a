"""Steps whose functions are written in cells run wherever steps run."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel

DEFINED = """
import asyncio
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int

FACTOR = 10

def scaled(x):
    return FACTOR * x

def make(x):
    return Point(x, scaled(x))

async def moved(point):
    await asyncio.sleep(0)
    return Point(point.x, point.y + 1)

def broken(word):
    told = word.upper()
    raise ValueError(told)  # the line that failed
"""


@pytest.fixture(scope="module", autouse=True)
def defined(kernel: Kernel) -> None:
    assert kernel.run(DEFINED).error == ""


@pytest.mark.parametrize("construct", ["process", "thread", "invoke", "async"])
def test_functions_and_classes_of_cells_work(kernel: Kernel, construct: str) -> None:
    cell = kernel.run(f"""
        flow = seq.Sequent("works", ":memory:", config={{"task_construct": {construct!r}, "logging_level": "ERROR"}})
        made = flow.add_step("make", make, args=(2,))
        flow.add_step("move", moved, args=(made.result,))
        assert flow.problems() == []
        print(flow.run(), flow.result("move"), isinstance(flow.result("make"), Point))
    """)
    assert cell.error == ""
    assert cell.stdout == "True Point(x=2, y=21) True\n"


@pytest.mark.parametrize("construct", ["process", "thread", "invoke", "async"])
def test_the_traceback_of_a_failed_step_has_the_lines_of_its_cell(kernel: Kernel, construct: str) -> None:
    cell = kernel.run(f"""
        flow = seq.Sequent("fails", ":memory:", config={{"task_construct": {construct!r}, "logging_level": "CRITICAL"}})
        flow.add_step("broken", broken, args=("no",))
        flow.run()
        print(flow.tasks("broken")[0].traceback)
    """)
    assert cell.error == ""
    assert "    raise ValueError(told)  # the line that failed\n" in cell.stdout


def test_a_run_works_in_a_cell_that_awaits(kernel: Kernel) -> None:
    cell = kernel.run("""
        await asyncio.sleep(0)
        flow = seq.Sequent("awaits", ":memory:", config={"task_construct": "invoke", "logging_level": "ERROR"})
        flow.add_step("move", moved, args=(Point(1, 1),))
        print(flow.run(), flow.result("move"))
    """)
    assert (cell.stdout, cell.error) == ("True Point(x=1, y=2)\n", "")
