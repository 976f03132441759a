"""Steps that ask for something until it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy
import pytest

import sequent as seq
from eventcore.act.observer import TaskEnded, TaskStarted
from eventcore.act.virtual_clock import VirtualClock
from sequent.errors import FlowError
from tests.support import Recorder, boom, flow, rows, run_script

NOW = 1  #: passes: until only time helps


def count_to(file: Path, wanted: int) -> str | None:
    """One more each time it is asked; something, once there are so many."""
    number = int(file.read_text() or "0") + 1 if file.exists() else 1
    file.write_text(str(number))
    return f"asked {number} times" if number >= wanted else None


async def count_slowly(file: Path, wanted: int) -> str | None:
    await asyncio.sleep(0)
    return count_to(file, wanted)


def asking(folder: Path, wanted: int = 3, function: Any = count_to, **config: Any) -> seq.Sequent:
    program = flow(folder / "run.db", **config)
    program.add_step("ask", seq.poll(function, every=60), args=(folder / "count", wanted))
    program.use_clock(VirtualClock())
    return program


@pytest.mark.parametrize("construct", ["process", "thread", "invoke", "async"])
@pytest.mark.parametrize("function", [count_to, count_slowly])
def test_it_asks_until_the_answer_is_truthy(construct: str, function: Any, tmp_path: Path) -> None:
    program, heard = asking(tmp_path, 3, function, task_construct=construct), Recorder(TaskStarted, TaskEnded)
    program.add_observer(heard)
    assert program.run()
    assert program.result("ask") == "asked 3 times"
    (task,) = program.tasks("ask")
    assert (task.tries, task.seconds) == (1, 120.0)
    assert rows(tmp_path / "run.db", "SELECT * FROM {attempts}") == []
    assert [type(one) for one in heard.heard] == [TaskStarted, TaskEnded]


def test_between_two_asks_it_takes_no_place_and_holds_nothing(tmp_path: Path) -> None:
    program = asking(tmp_path, max_concurrent=1)
    scarce = seq.ResourcePool("scarce", 1)
    program.children["ask"].acquires = ((scarce, 1),)
    program.add_step("other", print, acquires=[(scarce, 1)])
    program.run(NOW)
    assert [task.status for task in program.tasks("other")] == [seq.TaskStatus.success]
    assert [task.status for task in program.tasks("ask")] == [seq.TaskStatus.ready]


def test_another_engine_asks_on(tmp_path: Path) -> None:
    asking(tmp_path).run(NOW, run_id="one")
    again = asking(tmp_path)
    clock = VirtualClock()
    again.use_clock(clock)
    assert again.run(run_mode=seq.RUN_CONTINUE, run_id="one")
    assert again.result("ask") == "asked 3 times"
    assert [task.tries for task in again.tasks("ask")] == [1]


def fail_second(file: Path, wanted: int) -> str | None:
    """Nothing yet, then an error, then an answer."""
    said = count_to(file, wanted)
    if said == "asked 2 times":
        raise ConnectionError("no line")
    return said


def test_an_exception_is_a_failure_and_is_tried_again(tmp_path: Path) -> None:
    program = asking(tmp_path, 2, function=fail_second, retries=1)
    assert program.run()
    (task,) = program.tasks("ask")
    assert (task.tries, program.result("ask")) == (2, "asked 3 times")
    failed = asking(tmp_path / "other", 2, function=fail_second)
    (tmp_path / "other").mkdir()
    assert not failed.run()
    assert failed.tasks("ask")[0].error == "ConnectionError: no line"


@pytest.mark.parametrize(
    ("function", "every", "said"),
    [
        (None, 1, "is not a function"),
        (print, 0, "a number of seconds above 0, not 0"),
        (seq.shell("test -e x"), 1, "is always None"),
    ],
)
def test_what_could_not_be_asked_is_refused(function: Any, every: float, said: str) -> None:
    with pytest.raises(FlowError, match=said):
        seq.poll(function, every=every)


def test_arguments_are_those_of_the_function() -> None:
    program = flow()
    program.add_step("ask", seq.poll(count_to, every=1), args=(1, 2, 3))
    with pytest.raises(FlowError, match="does not fit its arguments"):
        program.check()


def never() -> None:
    """Nothing, however often it is asked for."""


def test_a_deadline_says_for_how_long_to_ask(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", task_construct="thread")
    program.add_step("ask", seq.poll(never, every=60), config={"deadline": 200})
    program.use_clock(VirtualClock())
    assert not program.run()
    (task,) = program.tasks("ask")
    assert (task.error, task.seconds) == ("deadline of 200 s passed after 1 try", 200.0)


def submit(tickets: Path) -> None:
    """Leave the end to others, in vain."""
    with tickets.open("a") as file:
        file.write(f"{seq.current().defer(timeout=60)}\n")


def test_a_deadline_limits_all_tries_of_a_step_that_ends_elsewhere(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", task_construct="thread", retries=9)
    program.add_step("job", submit, args=(tmp_path / "tickets",), config={"deadline": 150})
    program.use_clock(VirtualClock())
    assert not program.run()
    (task,) = program.tasks("job")
    assert (task.error, task.seconds) == ("deadline of 150 s passed after 3 tries", 30.0)
    assert seq.complete((tmp_path / "tickets").read_text().split()[-1]).is_refused


def test_an_answer_that_is_neither_true_nor_false_fails_in_words() -> None:
    array = numpy.array([True, False])
    program = flow()
    program.add_step("ask", seq.poll(lambda: array, every=1))
    assert not program.run()
    assert "nobody can say whether ndarray is true" in (program.tasks("ask")[0].error or "")


def test_one_that_asks_after_a_failure_goes_on_asking(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db")
    failed = program.add_step("failed", boom)
    polled = seq.poll(count_to, every=60)
    program.add_step("gone", polled, args=(tmp_path / "count", 3), require=((failed, seq.STEP_OVER),))
    program.use_clock(VirtualClock())
    assert not program.run()
    assert program.result("gone") == "asked 3 times"


def test_what_is_printed_when_it_asks_again_is_shown_once(tmp_path: Path) -> None:
    script = """
        from pathlib import Path
        import sequent as seq

        def ask():
            asked = Path("asked")
            asked.write_text(asked.read_text() + "x" if asked.exists() else "x")
            print("asked", asked.read_text())
            return asked.read_text() == "xxx"

        flow = seq.Sequent("polls", "run.db", config={"logging_level": "ERROR", "logdir": "logs"})
        flow.add_step("ask", seq.poll(ask, every=0.01))
        flow.run()
    """
    assert run_script(script, tmp_path).stdout.split() == ["asked", "x", "asked", "xx", "asked", "xxx"]
