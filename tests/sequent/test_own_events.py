"""Events that a step emits while it runs."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from sequent.errors import CycleError, FlowError, RequireError
from tests.support import as_here, flow, rows


def emit_and_wait(until: Path, value: object = None) -> str:
    """Emit, and run on until the step that requires the event has run."""
    seq.current().emit("half", value)
    while not until.exists():
        time.sleep(0.01)
    return "whole"


async def emit_and_sleep(until: Path, value: object = None) -> str:
    seq.current().emit("half", value)
    while not until.exists():
        await asyncio.sleep(0.01)
    return "whole"


def touch(path: Path, value: object = None) -> object:
    path.touch()
    return value


def taken(*values: object) -> object:
    return values


def quick(*values: object, fail: bool = False, event: str = "half") -> None:
    for value in values:
        seq.current().emit(event, value)
    if fail:
        raise ValueError("after all")


@pytest.mark.parametrize(
    ("construct", "function"), [("process", emit_and_wait), ("thread", emit_and_wait), ("async", emit_and_sleep)]
)
def test_a_step_that_requires_the_event_starts_in_the_middle_of_the_other(
    construct: str, function: Any, tmp_path: Path
) -> None:
    program = flow(tmp_path / "run.db", task_construct=construct, max_concurrent=2)
    load = program.add_step("load", function, args=(tmp_path / "seen", {"rows": 5}))
    half = load.event("half")
    assert load.event("half") is half
    program.add_step("preview", touch, args=(tmp_path / "seen", half.value))
    program.add_step("after", taken, args=(load.result,), require=(half, (load, seq.STEP_SUCCESS)))
    assert program.run()
    assert program.result("preview") == {"rows": 5}
    assert program.result("after") == ("whole",)


def test_in_the_engine_itself_the_event_comes_when_the_step_is_over() -> None:
    program = flow()
    load = program.add_step("load", quick, args=(1,))
    program.add_step("preview", taken, args=(load.event("half").value,))
    assert program.run()
    assert program.result("preview") == (1,)


def test_a_second_emission_changes_nothing_and_a_failure_takes_nothing_back() -> None:
    program = flow()
    load = program.add_step("load", quick, args=(1, 2), kwargs={"fail": True})
    program.add_step("preview", taken, args=(load.event("half").value,))
    program.add_step("last", taken, require=((load, seq.STEP_FAILURE),))
    assert program.run()
    assert program.result("preview") == (1,)


def test_without_the_event_what_requires_it_does_not_run_and_iterations_end() -> None:
    program = flow()
    days = program.add_step("days", loop=range(3))
    load = days.add_step("load", odd_ones, args=(days.item,))
    half = load.event("half")
    days.add_step("preview", taken, args=(half.value,))
    other = days.add_step("other", taken)
    days.add_step("both", taken, require=(half, (other, seq.STEP_SUCCESS)))
    days.add_step("either", taken, require=seq.or_(half, (other, seq.STEP_SUCCESS)))
    assert program.run()
    assert program.results("days/preview") == {"1.2": (1,)}
    assert list(program.results("days/both")) == ["1.2"]
    assert list(program.results("days/either")) == ["1.1", "1.2", "1.3"]
    assert [task.status for task in program.tasks("days")] == [seq.TaskStatus.success]


def odd_ones(number: int) -> None:
    if number % 2:
        seq.current().emit("half", number)


def test_a_step_inside_a_container_requires_the_event_of_one_outside() -> None:
    program = flow()
    load = program.add_step("load", quick, args=("x",))
    days = program.add_step("days", loop=range(2))
    days.add_step("preview", taken, args=(load.event("half").value,))
    silent = program.add_step("silent", quick)
    nights = program.add_step("nights", loop=range(2))
    nights.add_step("never", taken, require=silent.event("half"))
    program.add_step("after", taken, require=((nights, seq.STEP_SUCCESS),))
    assert program.run()
    assert program.results("days/preview") == {"1.1": ("x",), "1.2": ("x",)}
    assert program.results("nights/never") == {}
    assert program.result("after") == ()


def building(store: Path, *, fails: bool) -> seq.Sequent:
    program = flow(store, stop_on_exception=True)
    days = program.add_step("days", loop=range(2))
    load = days.add_step("load", quick, args=("kept" if fails else "another",), kwargs={"fail": fails})
    days.add_step("preview", taken, args=(load.event("half").value,), config={"stop_on_exception": False})
    return program


def test_a_recovery_has_the_event_and_its_first_value(tmp_path: Path) -> None:
    first = building(tmp_path / "run.db", fails=True)
    assert not first.run(run_id="one")
    again = building(tmp_path / "run.db", fails=False)
    assert again.run(run_mode=seq.RUN_RECOVER, run_id="one")
    assert again.results("days/preview") == {"1.1": ("kept",), "1.2": ("another",)}
    last = building(tmp_path / "run.db", fails=False)
    last.children["days"].add_step("more", taken, args=(last.children["days"].children["load"].event("half").value,))
    assert last.run(run_mode=seq.RUN_RECOVER, run_id="one")
    assert last.results("days/more") == {"1.1": ("kept",), "1.2": ("another",)}
    last.rerun("days/load", "1.1", "downstream")
    assert last.results("days/more") == {"1.1": ("another",), "1.2": ("another",)}


def test_an_engine_that_died_in_the_middle_has_recorded_the_event(tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    script = tmp_path / "dies.py"
    script.write_text(
        "import time\nfrom pathlib import Path\nimport sequent as seq\n"
        "def load():\n"
        "    if Path('again').exists(): return\n"
        "    seq.current().emit('half', 'before')\n"
        "    time.sleep(600)\n"
        "def preview(value): Path('seen').write_text(value)\n"
        "flow = seq.Sequent('dies', config={'max_concurrent': 2, 'logging_level': 'ERROR'})\n"
        "load = flow.add_step('load', load)\n"
        "flow.add_step('preview', preview, args=(load.event('half').value,))\n"
        "flow.add_step('later', print, args=(load.event('half').value,), require=((load, seq.STEP_SUCCESS),))\n"
        "if __name__ == '__main__': flow.run(run_mode=seq.RunMode(__import__('sys').argv[1]))\n"
    )
    environment = as_here()
    engine = subprocess.Popen([sys.executable, script, "restart"], cwd=tmp_path, env=environment)
    while not (tmp_path / "seen").exists():
        time.sleep(0.02)
        assert engine.poll() is None
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    assert rows(tmp_path / "dies.run.db", "SELECT value FROM {facts}") == [('"before"',)]
    (tmp_path / "again").touch()
    for mode in ("continue", "recover"):
        done = subprocess.run([sys.executable, script, mode], cwd=tmp_path, env=environment, capture_output=True,
                              text=True, timeout=120, check=True)  # fmt: skip
        assert done.stdout == ("before\n" if mode == "continue" else "")


@pytest.mark.parametrize("construct", ("process", "thread", "invoke"))
def test_an_event_that_the_step_does_not_have_fails_it(construct: str) -> None:
    program = flow(task_construct=construct)
    program.add_step("load", quick, args=(1,), kwargs={"event": "hlaf"}).event("half")
    program.add_step("other", quick, args=(1,))
    assert not program.run()
    assert [task.error for task in program.tasks("load")] == [
        "ProgramError: step 'load' has no event 'hlaf'; it has 'half'"
    ]


def test_what_could_not_work_is_refused() -> None:
    program = flow()
    days = program.add_step("days", quick, loop=range(2))
    with pytest.raises(FlowError, match="has a loop"):
        days.event("half")
    with pytest.raises(FlowError, match="a name must be non-empty"):
        program.add_step("load", quick).event("a/b")
    box = program.add_step("box")
    inner = box.add_step("inner", quick)
    program.add_step("outside", taken, require=inner.event("half"))
    with pytest.raises(RequireError, match="'outside' requires 'box/inner', which is inside container 'box'"):
        program.check()
    empty = flow()
    empty.add_step("nothing").event("half")
    with pytest.raises(FlowError, match="is without a function, so it cannot emit event 'half'"):
        empty.check()
    circle = flow()
    one, two = circle.add_step("one", quick), circle.add_step("two", quick)
    one.require, two.require = two.event("half"), one.event("half")
    with pytest.raises(CycleError):
        circle.check()


def trigger_now(until: Path) -> None:
    evr.current().trigger("half", now=True)
    while not until.exists():
        time.sleep(0.01)


def test_a_step_of_the_kernel_triggers_an_event_at_once(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"task_construct": "process", "max_concurrent": 2, "logging_level": "ERROR"}
    program = evr.Eventor("p", tmp_path / "run.db", config=settings)
    begin, half = program.add_event("begin"), program.add_event("half")
    program.add_assoc(begin, program.add_step("load", trigger_now, args=(tmp_path / "seen",)))
    program.add_assoc(half, program.add_step("preview", touch, args=(tmp_path / "seen",)))
    program.trigger_event(begin, 1)
    assert program.run()
    assert [task.status for task in program.tasks()] == [evr.TaskStatus.success] * 2


def test_what_a_step_of_the_kernel_has_triggered_at_once_is_there_in_the_recovery(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"task_construct": "invoke", "logging_level": "ERROR"}

    def run(mode: evr.RunMode, fails: bool) -> evr.Eventor:
        def load() -> None:
            if fails:
                evr.current().trigger("half", now=True)
            raise ValueError("boom")

        program = evr.Eventor("p", tmp_path / "run.db", config=settings)
        begin, half = program.add_event("begin"), program.add_event("half")
        program.add_assoc(begin, program.add_step("load", load))
        program.add_assoc(half, program.add_step("preview", taken))
        program.trigger_event(begin, 1)
        program.run(run_mode=mode, run_id="one")
        return program

    for number, mode in enumerate((evr.RUN_RESTART, evr.RUN_RECOVER)):
        (task,) = run(mode, number == 0).tasks("preview")  # reached, but the failure has stopped the run
        assert (task.status, task.recovery) == (evr.TaskStatus.ready, number)


def fork_and_emit(file: Path) -> str:
    if (child := os.fork()) == 0:
        try:
            seq.current().emit("half", "the child's")
        except BaseException as error:
            file.write_text(str(error))
        os._exit(0)
    os.waitpid(child, 0)
    seq.current().emit("half", "its own")
    return "whole"


def test_a_process_that_the_step_forked_cannot_emit(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", task_construct="process")
    load = program.add_step("load", fork_and_emit, args=(tmp_path / "said",))
    program.add_step("after", taken, args=(load.event("half").value,))
    assert program.run()
    assert "forked cannot emit" in (tmp_path / "said").read_text()
    assert program.result("after") == ("its own",)
