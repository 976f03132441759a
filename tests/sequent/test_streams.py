"""Streams: loops whose items are recorded as they come, each asked for when an iteration may begin."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sequent as seq
from eventcore.act.observer import RunFinished
from eventcore.define.status import TaskStatus
from eventcore.run.interrupts import catching_ctrl_c
from sequent.cli.command import sequent as command
from sequent.errors import FlowError, LoopError
from tests.eventcore.gates import Gate, outcome, running
from tests.support import Recorder, boom, flow, rows


class Source:
    """A generator function of so many numbers, that notes what was asked of it."""

    def __init__(self, size: int | None, fails_at: int | None = None) -> None:
        self.size = size
        self.fails_at = fails_at
        self.made: list[int] = []
        self.asked = 0

    def numbers(self, recorded: int) -> Iterator[int]:
        self.made.append(recorded)
        for number in itertools.count(recorded + 1):
            self.asked += 1
            if number == self.fails_at:
                raise ValueError(f"no {number}")
            if self.size is not None and number > self.size:
                return
            yield 10 * number


def walked(source: Source, ran: list[Any], store: Path | str = ":memory:", **config: Any) -> seq.Sequent:
    f = flow(str(store), **config)
    each = f.add_step("each", loop=seq.stream(source.numbers))
    each.add_step("work", lambda item: ran.append((seq.current().sequence, item)), args=(each.item,))
    f.add_step("after", ran.append, args=("after",), require=((each, seq.STEP_SUCCESS),))
    return f


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_stream_is_walked_to_its_end(size: int) -> None:
    source, ran = Source(size), list[Any]()
    f = walked(source, ran)
    assert f()
    assert ran == [*((f"1.{number}", 10 * number) for number in range(1, size + 1)), "after"]
    assert (source.made, source.asked) == ([0], size + 1)


def test_a_generator_function_without_a_parameter_and_nested_streams_do_as_well() -> None:
    ran: list[Any] = []

    def letters() -> Iterator[str]:
        yield from "ab"

    def doubled() -> Iterator[str]:
        yield from (2 * seq.current().item, 3 * seq.current().item)

    f = flow()
    outer = f.add_step("outer", loop=seq.stream(letters))
    outer.add_step("inner", lambda: ran.append((seq.current().sequence, seq.current().item)), loop=seq.stream(doubled))
    assert f()
    assert ran == [("1.1.1", "aa"), ("1.1.2", "aaa"), ("1.2.1", "bb"), ("1.2.2", "bbb")]


def test_the_results_of_a_streamed_step_are_a_list() -> None:
    ran: list[Any] = []
    f = flow()
    each = f.add_step("each", lambda: seq.current().item + 1, loop=seq.stream(lambda: iter([1, 2])))
    f.add_step("all", ran.append, args=(each.result,))
    assert f()
    assert ran == [[2, 3]]


@pytest.mark.parametrize("concurrent", [1, 3])
def test_no_item_is_asked_for_before_an_iteration_may_begin(concurrent: int) -> None:
    source, gate, begun = Source(None), Gate(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        gate.wait()

    f = flow(task_construct="thread", max_concurrent=0)
    each = f.add_step("each", work, loop=seq.stream(source.numbers), concurrent=concurrent)
    with running(f, gate):
        for _ in range(concurrent):
            assert begun.acquire(timeout=60)
        f.pause()
        assert source.asked == concurrent
        assert outcome(f.cancel(each.path)) == ("done", None)
    assert source.asked == concurrent


def test_a_failed_iteration_ends_an_endless_stream() -> None:
    source, ran = Source(None), list[Any]()
    f = flow()
    each = f.add_step("each", loop=seq.stream(source.numbers))
    each.add_step("work", lambda item: boom() if item == 30 else ran.append(item), args=(each.item,))
    f.add_step("after", ran.append, args=("after",), require=((each, seq.STEP_FAILURE),))
    assert f()
    assert ran == [10, 20, "after"]
    assert source.asked == 3


def test_an_item_that_is_long_in_coming_keeps_no_other_step_waiting() -> None:
    gate, done = Gate(), threading.Event()

    def slow() -> Iterator[int]:
        gate.wait()
        assert done.is_set()
        yield 1

    def other() -> None:
        assert gate.begun.wait(60)
        done.set()
        gate.opened.set()

    f = flow(task_construct="thread", max_concurrent=1)
    f.add_step("each", str, loop=seq.stream(slow))
    f.add_step("other", other)
    assert f()


def test_an_exception_fails_the_container_when_what_is_open_has_ended() -> None:
    source, ran = Source(None, fails_at=3), list[Any]()
    f = walked(source, ran, task_construct="thread")
    assert not f()
    assert ran == [("1.1", 10), ("1.2", 20)]
    assert {t.instance: t.error for t in f.tasks() if t.status is TaskStatus.failure} == {
        "each@1": "its loop could not be computed: ValueError: no 3"
    }


def test_a_generator_that_failed_is_made_anew_behind_what_is_recorded() -> None:
    source, ran = Source(3, fails_at=2), list[Any]()
    f = flow()

    def numbers(recorded: int) -> Iterator[int]:
        if len(source.made) == 2:
            source.fails_at = None
        yield from source.numbers(recorded)

    f.add_step("each", lambda: ran.append(seq.current().item), loop=seq.stream(numbers),
               config={"retries": 2, "retry_delay": 0.001})  # fmt: skip
    assert f()
    assert ran == [10, 20, 30]
    assert source.made == [0, 1, 1]


def test_recovery_goes_on_behind_the_last_recorded_item(tmp_path: Path) -> None:
    source, ran = Source(5, fails_at=3), list[Any]()
    f = walked(source, ran, tmp_path / "s.db")
    assert not f()
    source.fails_at = 4
    assert not f.run(run_mode=seq.RUN_RECOVER)
    source.fails_at = None
    assert f.run(run_mode=seq.RUN_RECOVER)
    assert ran == [*((f"1.{number}", 10 * number) for number in range(1, 6)), "after"]
    assert source.made == [0, 2, 3]
    asked = source.asked
    assert f.run(run_mode=seq.RUN_RECOVER)
    assert source.asked == asked
    assert rows(tmp_path / "s.db", "SELECT first, size FROM {items} ORDER BY first") == [(n, 1) for n in range(1, 6)]


def test_items_that_no_iteration_has_walked_to_its_end_are_walked_again_and_not_asked_for(tmp_path: Path) -> None:
    source, ran = Source(4), list[Any]()
    f = flow(str(tmp_path / "s.db"))
    each = f.add_step("each", loop=seq.stream(source.numbers))

    def work(item: int) -> None:
        ran.append(item)
        if ran == [10, 20]:
            boom()

    each.add_step("work", work, args=(each.item,))
    assert not f()
    assert f.run(run_mode=seq.RUN_RECOVER)
    assert ran == [10, 20, 20, 30, 40]
    assert source.made == [0, 2]


def test_a_rerun_of_the_container_computes_its_items_anew(tmp_path: Path) -> None:
    source, ran = Source(2), list[Any]()
    f = walked(source, ran, tmp_path / "s.db")
    assert f()
    source.size = 1
    f.rerun("each")
    assert ran == [("1.1", 10), ("1.2", 20), "after", ("1.1", 10)]
    f.rerun("each/work", "1.1", "only")
    assert ran[4:] == [("1.1", 10)]


def test_a_function_without_a_parameter_is_asked_again_for_what_is_recorded(tmp_path: Path) -> None:
    ran: list[Any] = []
    fails = [True]

    def letters() -> Iterator[str]:
        yield from "ab"
        if fails:
            boom(str(fails.pop()))
        yield "c"

    f = flow(str(tmp_path / "s.db"))
    f.add_step("each", lambda: ran.append(seq.current().item), loop=seq.stream(letters))
    assert not f()
    assert f.run(run_mode=seq.RUN_RECOVER)
    assert ran == ["a", "b", "c"]


@pytest.mark.parametrize("teardown", [None, bool])
@pytest.mark.parametrize("stops", ["cancel", "cancel each", "failure", "Ctrl-C"])
def test_what_ends_the_run_does_not_wait_for_the_next_item(
    stops: str, teardown: Callable[[], object] | None, tmp_path: Path, ctrl_c: Callable[[], None]
) -> None:
    waits, ran, is_first = Gate(), list[Any](), [True]

    def numbers(recorded: int) -> Iterator[int]:
        yield from range(recorded, 2)
        if is_first.pop():
            waits.wait()
        yield 3

    def fails() -> None:
        assert waits.begun.wait(60)
        if stops == "failure" and len(ran) == 2:
            boom()

    f = flow(str(tmp_path / "s.db"), task_construct="thread", max_concurrent=0)
    f.add_step("each", lambda: ran.append(seq.current().item), loop=seq.stream(numbers), teardown=teardown)
    f.add_step("other", fails)
    thread = threading.Thread(target=interrupted, args=(f,))
    thread.start()
    assert waits.begun.wait(60)
    if stops.startswith("cancel"):
        assert outcome(f.cancel(*stops.split()[1:])) == ("done", None)
    elif stops == "Ctrl-C":
        ctrl_c()
    thread.join(60)
    assert not thread.is_alive()
    assert not waits.opened.is_set()
    waits.opened.set()
    assert ran == [0, 1]
    assert f.tasks("each")[0].status in (TaskStatus.active, TaskStatus.cancelled)
    is_first.append(False)
    ran.append("again")
    assert f.run(run_mode=seq.RUN_CONTINUE if stops == "Ctrl-C" else seq.RUN_RECOVER)
    assert ran == [0, 1, "again", 3]


def interrupted(f: seq.Sequent) -> None:
    with suppress(KeyboardInterrupt):
        f.run()


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Press Ctrl-C, where the engine does not run in the main thread."""
    heard: list[Callable[[], None]] = []

    def catching(told: Callable[[], None]) -> Any:
        heard.append(told)
        return catching_ctrl_c(told)

    monkeypatch.setattr("eventcore.run.engine.catching_ctrl_c", catching)
    return lambda: heard[-1]()


def test_what_is_no_generator_function_is_refused() -> None:
    with pytest.raises(LoopError, match=r"stream: \[1, 2\] is not a function; give a generator function itself"):
        seq.stream([1, 2])  # type: ignore[arg-type]
    f = flow()
    f.add_step("each", str, loop=seq.stream(lambda one, two: iter(())))
    with pytest.raises(FlowError, match=r"step 'each': its loop .*does not fit its arguments"):
        f.check()
    g = flow()
    g.add_step("each", str, loop=seq.stream(dict))
    assert not g()
    assert "must yield items one by one" in str(g.tasks("each")[0].error)


def test_an_item_that_cannot_be_stored_fails_the_container() -> None:
    f = flow()
    f.add_step("each", str, loop=seq.stream(lambda: iter([object()])))
    assert not f()
    assert "its loop could not be computed" in str(f.tasks("each")[0].error)


@pytest.mark.sqlite
def test_how_many_there_are_is_said_to_be_so_far(tmp_path: Path) -> None:
    source = Source(5, fails_at=3)
    f = walked(source, [], tmp_path / "s.db")
    assert not f()
    assert "each  (stream of Source.numbers())  failure 2/2 so far" in status(tmp_path)
    source.fails_at = None
    assert f.run(run_mode=seq.RUN_RECOVER)
    assert "each  (stream of Source.numbers())  success 5/5" in status(tmp_path)
    assert "so far" not in status(tmp_path)


def status(folder: Path) -> str:
    return CliRunner().invoke(command, ["status", str(folder / "s.db")]).output


def test_a_stalled_run_names_what_waits_and_not_the_stream() -> None:
    pool = seq.ResourcePool("seats", 1)
    heard = Recorder(RunFinished)
    f = seq.Sequent(
        store=":memory:", config={"task_construct": "invoke", "logging_level": "CRITICAL"}, observers=[heard]
    )
    keeps = f.add_step("keeps", acquires=((pool, 1),), releases=())
    each = f.add_step("each", loop=seq.stream(Source(None).numbers), require=((keeps, seq.STEP_SUCCESS),))
    each.add_step("work", str, acquires=((pool, 1),))
    assert not f()
    assert heard.of(RunFinished)[0].stalled == ("each/work@1.1 waits for 1 of resource 'seats' (0 of 1 free)",)
