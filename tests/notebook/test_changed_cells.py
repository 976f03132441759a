"""When cells have changed, a run says which step that concerns, what runs again and what is kept."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel

WORK = "def work(day):\n    return LIMIT - len(other(day))"
WRONG = "def work(day):\n    return LIMIT - len(other(day)) if day == 'mon' else day + 1"
FLOW = """
flow = seq.Sequent(NAME, config={"stop_on_exception": False, "task_construct": "thread"})
each = flow.add_step("days", loop=days)
step = each.add_step("work", work, args=(each.item,))
flow.add_step("report", print, args=("report",), require=((each, seq.STEP_SUCCESS),))
"""


@pytest.fixture(autouse=True)
def defined(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """A flow of its own, whose step fails on Tuesday, and has run."""
    kernel.run(f"NAME = {request.node.name!r}\nLIMIT = 9\ndef other(day):\n    return day\ndef days():\n"
               "    return ['mon', 'tue']")  # fmt: skip
    assert kernel.run(WRONG).error == ""
    assert "1 failed" in kernel.run(f"{FLOW}flow.run(run_id='before' + NAME)").progress


def test_a_function_that_was_defined_anew_is_not_the_flows_own(kernel: Kernel) -> None:
    kernel.run(WORK)
    cell = kernel.run("flow.run(run_mode='recover')")
    assert "Step days/work runs the function that it was given, which has since been redefined." in cell.progress
    assert "1 failed" in cell.progress


def test_a_cell_that_ran_again_unchanged_is_no_news(kernel: Kernel) -> None:
    kernel.run(f"# the same\n\n{WRONG}  # as before")
    assert "redefined" not in kernel.run("flow.run(run_mode='recover')").progress
    assert "has changed" not in kernel.run(f"{FLOW}flow.run(run_mode='recover')").progress


def test_a_flow_that_is_defined_anew_can_recover_and_says_what_it_keeps(kernel: Kernel) -> None:
    kernel.run(WORK)
    cell = kernel.run(f"{FLOW}flow.run(run_mode='recover')")
    assert "ran last (changed: days/work (code))." in cell.progress
    assert "Recovery 1: 1 to run again, 1 to run for the first time, 1 done and kept." in cell.progress
    assert "days/work succeeded once with its old code, and that is kept; to run it again: flow.rerun('days/work')" in (
        cell.progress
    )
    assert cell.result["text/plain"] == "True"
    again = kernel.run("flow.rerun('days/work')")
    assert "Recovery 2: 2 to run again" in again.progress


def test_run_starts_anew_and_says_so_while_the_last_run_is_left_in_failure(kernel: Kernel) -> None:
    kernel.run(WORK)
    cell = kernel.run(f"{FLOW}flow.run()")
    assert "(changed: days/work (code))" in cell.progress
    assert "This is a new run, in which every step runs. To go on with run before" in cell.progress
    before = kernel.run("flow.run(run_mode='recover', run_id='before' + NAME)")
    assert before.result["text/plain"] == "True"


@pytest.mark.parametrize(("changed", "step"), [
    ("LIMIT = 10", "days/work (code)"),
    ("def other(day):\n    return day * 2", "days/work (code)"),
    ("def days():\n    return ['mon']", "days (the code of its loop)"),
])  # fmt: skip
def test_what_a_function_uses_of_the_notebook_is_part_of_it(kernel: Kernel, changed: str, step: str) -> None:
    kernel.run(changed)
    assert f"(changed: {step})" in kernel.run(f"{FLOW}flow.run()").progress


def test_running_on_after_a_success_says_that_nothing_runs_again(kernel: Kernel) -> None:
    kernel.run(f"{WORK}{FLOW}flow.run(run_id='good' + NAME)")
    cell = kernel.run("flow.run()")
    assert "is over (success), so nothing was done." in cell.progress
    assert "To run everything again: flow.run(run_mode='restart')" in cell.progress
    kernel.run("LIMIT = 12")
    changed = kernel.run("flow.run()")
    assert "The program has changed since the run (changed: days/work (code)). What succeeded is kept" in (
        changed.progress
    )
    assert kernel.run("flow.result('days/work', '1.1')").result["text/plain"] == "6"


def test_adding_a_step_again_says_what_to_do(kernel: Kernel) -> None:
    cell = kernel.run("flow.add_step('report', print)")
    assert "already defined; siblings need different names. To define the flow anew, first run the cell" in cell.error
