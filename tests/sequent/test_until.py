"""Loops that go on until a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sequent as seq
from eventcore.define.status import TaskStatus
from sequent.cli.command import sequent as command
from sequent.errors import FlowError, LoopError, RequireError
from tests.eventcore.gates import Gate, outcome, running
from tests.support import boom, flow


class Scene:
    """A loop that ends when its condition was asked so many times; what was called, iterations by their number."""

    def __init__(self, store: Path | str, holds_after: int, limit: int = 5, **config: Any) -> None:
        self.holds_after = holds_after
        self.calls: list[Any] = []
        self.fails: set[Any] = set()
        self.flow = flow(str(store), **config)
        self.poll = self.flow.add_step("poll", loop=seq.until(self.asked, limit), teardown=self.down)
        self.poll.add_step("work", self.work, args=(self.poll.key,))
        self.flow.add_step("after", self.calls.append, args=("after",), require=((self.poll, seq.STEP_SUCCESS),))

    def work(self, key: str) -> None:
        assert seq.current().key == key
        assert seq.current().item is None
        self.call(int(key))

    def asked(self) -> bool:
        self.call(f"asked {seq.current().key}")
        return int(seq.current().key or 0) >= self.holds_after

    def down(self) -> None:
        self.call("down")

    def call(self, name: Any) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise ValueError(f"no {name}")

    def again(self, *fails: Any, mode: seq.RunMode = seq.RUN_RECOVER) -> tuple[bool, list[Any]]:
        self.calls.clear()
        self.fails = set(fails)
        return self.flow.run(run_mode=mode), list(self.calls)

    def errors(self) -> dict[str, str | None]:
        return {task.instance: task.error for task in self.flow.tasks() if task.status is TaskStatus.failure}


@pytest.mark.parametrize("construct", ["invoke", "thread"])
def test_iterations_follow_one_another_until_the_condition_holds(construct: str) -> None:
    scene = Scene(":memory:", 3, task_construct=construct, max_concurrent=0)
    assert scene.flow()
    assert scene.calls == [1, "asked 1", 2, "asked 2", 3, "asked 3", "down", "after"]


def test_a_step_with_a_function_of_its_own_and_a_loop_in_a_loop_do_as_well() -> None:
    calls: list[Any] = []
    f = flow()
    outer = f.add_step("outer", loop=["a", "b"])

    def note(item: str) -> int:
        calls.append((seq.current().sequence, item))
        return len(calls)

    each = outer.add_step("each", note, args=(seq.item,), loop=seq.until(lambda: seq.current().key == "2"))
    outer.add_step("all", calls.append, args=(each.result,))
    assert f()
    assert calls == [("1.1.1", "a"), ("1.1.2", "a"), [1, 2], ("1.2.1", "b"), ("1.2.2", "b"), [4, 5]]


def test_the_condition_may_be_a_result_of_a_step_inside() -> None:
    f = flow()
    done = seq.until(limit=9)
    poll = f.add_step("poll", loop=done)
    ask = poll.add_step("ask", lambda: int(seq.current().key or 0) >= 4)
    last = poll.add_step("last", require=((ask, seq.STEP_SUCCESS),))
    done.when(ask.result)
    assert f()
    assert sorted(f.results("poll/ask")) == ["1.1", "1.2", "1.3", "1.4"]
    assert len(f.tasks(last)) == 4


def test_a_loop_that_reaches_its_limit_fails_and_says_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 9, limit=2)
    assert not scene.flow()
    assert scene.calls == [1, "asked 1", 2, "asked 2", "down"]
    assert scene.errors() == {"poll@1": "its condition did not hold within its limit of 2 iterations"}
    assert scene.again() == (False, ["down"])
    raised = Scene(tmp_path / "s.db", 3, limit=4)
    assert raised.again() == (True, [3, "asked 3", "down", "after"])


def test_a_failed_iteration_ends_the_loop_without_asking(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 3)
    scene.fails = {2}
    assert not scene.flow()
    assert scene.calls == [1, "asked 1", 2, "down"]
    assert scene.again("after") == (True, [2, "asked 2", 3, "asked 3", "down", "after"])
    assert scene.again() == (True, [])


def test_a_failed_condition_fails_the_container_and_is_asked_again_in_recovery(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 2)
    scene.fails = {"asked 2"}
    assert not scene.flow()
    assert scene.errors() == {"poll@1": "its condition failed: ValueError: no asked 2"}
    assert scene.again() == (True, ["asked 2", "down", "after"])


def test_recovery_does_not_ask_again_where_the_answer_is_recorded(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 2)
    scene.fails = {"down"}
    assert not scene.flow()
    assert scene.again() == (True, ["down", "after"])
    scene.flow.rerun("poll/work", "1.1", "only")
    assert scene.calls[2:] == [1, "down"]


def test_a_failure_that_does_not_stop_lets_the_loop_go_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 3, stop_on_exception=False)
    scene.fails = {2}
    assert not scene.flow()
    assert scene.calls == [1, "asked 1", 2, 3, "asked 3", "down"]
    assert scene.again() == (True, [2, "asked 2", "down", "after"])


def test_a_failed_condition_ends_the_loop_though_failures_do_not_stop(tmp_path: Path) -> None:
    ran = list[int]()
    f = flow(tmp_path / "s.db", stop_on_exception=False)
    f.add_step("each", loop=seq.until(boom, limit=5)).add_step("one", lambda: ran.append(1))
    assert not f.run()
    assert ran == [1]


@pytest.mark.parametrize("path", [None, "poll"])
def test_a_cancelled_loop_ends(path: str | None, tmp_path: Path) -> None:
    gate = Gate()
    scene = Scene(tmp_path / "s.db", 3, task_construct="thread", max_concurrent=0)
    scene.poll.add_step("wait", gate.wait)
    with running(scene.flow, gate):
        assert outcome(scene.flow.cancel(path)) == ("done", None)
    assert scene.calls == [1, "down"]
    assert next(task.status for task in scene.flow.tasks("poll")) is TaskStatus.cancelled


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(LoopError, match="until: True is no condition; give a function without arguments"):
        seq.until(True)  # type: ignore[arg-type]
    with pytest.raises(LoopError, match="until: limit must be a number of iterations, 1 or more, not 0"):
        seq.until(bool, 0)
    f = flow()
    with pytest.raises(FlowError, match="step 'c': its iterations come one after the other"):
        f.add_step("c", loop=seq.until(bool), concurrent=2)
    c = f.add_step("c", str, loop=seq.until())
    with pytest.raises(LoopError, match=r"has no items; use c\.key"):
        _ = c.item
    with pytest.raises(LoopError, match="step 'c': its loop has no condition; give one to until"):
        f.check()


@pytest.mark.parametrize(("condition", "said"), [
    (lambda f: f["far"].result, "which is inside container 'other'"),
    (lambda f: f["looped"].result, "but 'c/looped' has iterations"),
])  # fmt: skip
def test_a_condition_that_refers_to_what_cannot_be_known_is_refused(condition: Callable[..., Any], said: str) -> None:
    f = flow()
    done = seq.until()
    c = f.add_step("c", loop=done)
    steps = {"looped": c.add_step("looped", str, loop=[1]), "far": f.add_step("other").add_step("far", str)}
    done.when(condition(steps))
    with pytest.raises((RequireError, LoopError), match=said):
        f.check()


@pytest.mark.sqlite
def test_it_is_shown_with_its_limit_and_how_far_it_came(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", 3)
    scene.fails = {2}
    assert not scene.flow()
    assert "poll  (until Scene.asked(), at most 5, teardown Scene.down())  failure 1/2 so far" in status(tmp_path)
    assert scene.again()[0]
    assert "poll  (until Scene.asked(), at most 5, teardown Scene.down())  success 3/3" in status(tmp_path)


def status(folder: Path) -> str:
    return CliRunner().invoke(command, ["status", str(folder / "s.db")]).output


def test_a_condition_that_is_run_by_workers(tmp_path: Path) -> None:
    f = flow(str(tmp_path / "s.db"), task_construct="process")
    f.add_step("poll", str, loop=seq.until(in_worker))
    assert f()
    assert len(f.results("poll")) == 2
    with pytest.raises(FlowError, match=r"step 'bad': its condition .*does not fit its arguments"):
        g = flow()
        g.add_step("bad", str, loop=seq.until(boom_with))  # type: ignore[arg-type]
        g.check()


def in_worker() -> bool:
    return seq.current().key == "2"


def boom_with(argument: str) -> None:
    boom(argument)


def test_iterations_refer_to_results_of_earlier_ones_and_what_follows_to_all(tmp_path: Path) -> None:
    made = flow(tmp_path / "run.db")
    fails = {3}

    def add(before: int | None) -> int:
        number = (before or 0) + 1
        return number if number not in fails else boom(f"no {number}")

    warm = seq.until(limit=5)
    ovens = made.add_step("ovens", loop=["a", "b"])
    oven = ovens.add_step("oven", loop=warm)
    heated = oven.add_step("heat", add, args=(seq.previous("heat").result,))
    checked = oven.add_step("check", lambda level, before: level > 3 and before == [1, 2, 3],
                            args=(heated.result, oven.results(heated)))  # fmt: skip
    warm.when(checked.result)
    tell = made.add_step("tell", lambda levels: levels, args=(ovens.results(heated),))
    assert not made()
    fails.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert made.result(tell) == [[1, 2, 3, 4], [1, 2, 3, 4]]


def test_the_condition_may_take_several_results() -> None:
    lows, highs = iter([1, 6, 7]), iter([9, 2, 9])
    f = flow()
    ending = seq.until(limit=5)
    search = f.add_step("search", loop=ending)
    low, high = (search.add_step(name, numbers.__next__) for name, numbers in (("low", lows), ("high", highs)))
    ending.when((low.result > 5) & (high.result > 5))
    assert f()
    assert f.result("search/low", "1.3") == 7
    assert [task.sequence for task in f.tasks("search/high")] == ["1.1", "1.2", "1.3"]


def test_the_condition_may_compare_with_the_iteration_before_and_with_an_item_around() -> None:
    f = flow()
    ending = seq.until(limit=9)
    around = f.add_step("around", loop=[{"enough": "2"}, {"enough": "7"}])
    search = around.add_step("search", loop=ending)
    step = search.add_step("step", min, args=(search.key, "4"))
    ending.when((step.result == step.previous().result) | (step.result == seq.item["enough"]))
    assert f()
    assert [task.sequence for task in f.tasks("around/search/step")] == [
        "1.1.1", "1.1.2", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5",
    ]  # fmt: skip
