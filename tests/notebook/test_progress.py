"""A run in a notebook shows one display that is updated in place, instead of lines of a log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebook.kernels import Cell, Kernel
from tests.support import run_script

DEFINED = """
import logging, time

def work(day):
    if day == "tue":
        raise ValueError("no such day")

def flow_of(days, store, **config):
    flow = seq.Sequent("shown", store, config={"stop_on_exception": False, **config})
    each = flow.add_step("days", loop=days)
    each.add_step("work", work, args=(each.item,))
    return flow
"""


@pytest.fixture(scope="module", autouse=True)
def defined(kernel: Kernel) -> None:
    assert kernel.run(DEFINED).error == ""


def displays(cell: Cell) -> list[str]:
    """What is shown: by its media type, and for text its text."""
    return [data.get("text/plain", "") for data in cell.shown.values() if "image/svg+xml" not in data]


@pytest.mark.parametrize("store", ["shown.run.db", ":memory:"])
def test_it_is_one_display_however_many_steps_run_and_then_the_picture(kernel: Kernel, store: str) -> None:
    cell = kernel.run(f"flow = flow_of(list(range(300)), {store!r}, task_construct='thread')\nflow.run()")
    assert (cell.error, cell.stderr, cell.stdout) == ("", "", "")
    assert cell.result["text/plain"] == "True"
    [shown] = displays(cell)
    assert "success 300/300" in shown
    assert [list(data) for data in cell.shown.values()] == [
        ["text/html", "text/plain"],
        ["image/svg+xml", "text/plain"],
    ]
    assert 2 < cell.drawn < 300


@pytest.mark.parametrize(("store", "shown"), [("held.run.db", r"held   active, [1-9]\d* s"),
                                              (":memory:", r"1 success; active: held@1 [1-9]\d* s")])  # fmt: skip
def test_it_goes_on_while_a_step_takes_long(kernel: Kernel, folder: Path, store: str, shown: str) -> None:
    (folder / "released").unlink(missing_ok=True)
    request = kernel.begin(f"""
        from pathlib import Path
        def held():
            while not Path("released").exists():
                time.sleep(0.05)
        flow = seq.Sequent("held", {store!r})
        first = flow.add_step("first", int)
        flow.add_step("held", held, require=((first, seq.STEP_SUCCESS),))
        flow.run()
    """)
    assert "success" in kernel.finish(request, until=shown).progress
    kernel.open("released")
    assert "held   success" in kernel.finish(request).progress


def test_failures_are_shown_with_their_item_and_the_lines_of_the_cell(kernel: Kernel) -> None:
    cell = kernel.run("flow = flow_of(['mon', 'tue'], 'failed.run.db')\nflow.run(run_id='one')")
    [shown] = displays(cell)
    assert "days/work@1.2 [tue]: ValueError: no such day\n" in shown
    assert ', in work\n    raise ValueError("no such day")\n' in shown
    assert "\n  Cell In[" in shown
    assert shown.endswith("then run: flow.run(run_mode='recover', run_id='one')")
    assert cell.stderr == ""


def test_the_advice_names_the_notebooks_own_variable(kernel: Kernel) -> None:
    cell = kernel.run("nightly = flow_of(['tue'], ':memory:')\nnightly.run(run_id='mine')")
    assert "nightly.run(run_mode='recover', run_id='mine')" in cell.progress
    assert "<code>nightly.run(run_mode=" in next(iter(cell.shown.values()))["text/html"]


def test_of_many_failures_some_are_shown(kernel: Kernel) -> None:
    cell = kernel.run("flow = flow_of(['tue'] * 9, ':memory:', task_construct='thread')\nflow.run()")
    [shown] = displays(cell)
    assert shown.count("Traceback") == 3
    assert "and 6 more: flow.tasks() has them all" in shown


def test_what_steps_say_cannot_be_markup(kernel: Kernel) -> None:
    cell = kernel.run("""
        def raises():
            raise ValueError("<script>alert(1)</script>")
        flow = seq.Sequent("<b>", ":memory:")
        flow.add_step("<i>", raises)
        flow.run(run_id="<u>")
    """)
    html = next(iter(cell.shown.values()))["text/html"]
    assert "&lt;script&gt;" in html
    assert not any(tag in html for tag in ("<script", "<b>", "<i>", "<u>"))


def test_without_a_console_there_is_no_display(kernel: Kernel) -> None:
    cell = kernel.run("flow_of(['mon'], ':memory:', console=False).run()")
    assert (cell.shown, cell.stderr) == ({}, "")


def test_a_notebook_that_logs_gets_its_lines_too(kernel: Kernel, folder: Path) -> None:
    cell = kernel.run("""
        handler = logging.FileHandler("lines.log")
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel("INFO")
        flow_of(["mon"], ":memory:").run()
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel("WARNING")
    """)
    assert len(displays(cell)) == 1
    assert "[ Step days/work/1.1 ] Completed" in (folder / "lines.log").read_text()


def test_a_view_that_fails_is_not_in_the_way_of_the_run(kernel: Kernel) -> None:
    cell = kernel.run("""
        from visual.notebook import progress
        kept, progress.view_of = progress.view_of, None
        flow = flow_of(["mon"], ":memory:")
        print(flow.run())
        progress.view_of = kept
    """)
    assert cell.stdout == "True\n"
    assert cell.stderr.count("The progress of the run cannot be shown any more: TypeError") == 1


@pytest.mark.parametrize("store", ["pictured.run.db", ":memory:"])
def test_after_its_run_a_flow_is_a_picture_of_it(kernel: Kernel, store: str) -> None:
    cell = kernel.run(f"flow = flow_of(['tue'], {store!r}, task_construct='invoke')\nflow.run()\nflow")
    assert re.search(r">failure, [0-9.]+ s<", cell.result["image/svg+xml"])


def test_outside_a_kernel_nothing_of_jupyter_is_imported(tmp_path: Path) -> None:
    done = run_script("""
        import sys, sequent
        flow = sequent.Sequent("quiet", ":memory:", config={"task_construct": "invoke"})
        flow.run()
        print(sorted(name for name in ("IPython", "visual") if name in sys.modules))
    """, tmp_path)  # fmt: skip
    assert done.stdout == "[]\n"
