"""Setup and teardown of containers: what runs before the first iteration and after the last, whatever happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sequent as seq
from eventcore.act.observer import AttemptFailed, Notice
from eventcore.define.status import TaskStatus
from eventcore.run.steering import steer
from sequent.cli.command import sequent as command
from sequent.errors import FlowError, RequireError
from tests.eventcore.gates import Gate, outcome, running
from tests.support import boom, flow

Calls = list[Any]


class Scene:
    """Two days between a setup and a teardown, and what was called; the names in `fails` fail."""

    def __init__(self, store: Path | str, *fails: str, **config: Any) -> None:
        self.calls: Calls = []
        self.fails = set(fails)
        self.flow = flow(str(store), **config)
        self.days = self.flow.add_step("days", loop=["mon", "tue"], setup=self.call("up"), teardown=self.call("down"))
        self.days.add_step("load", self.item, args=(self.days.item,))
        self.flow.add_step("report", self.call("report"), require=((self.days, seq.STEP_SUCCESS),))

    def call(self, name: str) -> Callable[[], None]:
        def function() -> None:
            self.item(name)

        return function

    def item(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise ValueError(name)

    def again(self, *fails: str, mode: seq.RunMode = seq.RUN_RECOVER) -> tuple[bool, Calls]:
        self.calls.clear()
        self.fails = set(fails)
        return self.flow.run(run_mode=mode), list(self.calls)

    def errors(self) -> Mapping[str, str | None]:
        return {task.instance: task.error for task in self.flow.tasks() if task.status is TaskStatus.failure}


@pytest.mark.parametrize("construct", ["invoke", "thread"])
def test_a_container_is_set_up_before_its_first_iteration_and_torn_down_after_its_last(construct: str) -> None:
    scene = Scene(":memory:", task_construct=construct)
    assert scene.flow()
    assert scene.calls == ["up", "mon", "tue", "down", "report"]
    assert "days#setup" not in {task.path for task in scene.flow.tasks()}


def test_a_container_without_a_loop_and_a_looped_step_have_them_too() -> None:
    calls: Calls = []
    f = flow()
    once = f.add_step("once", setup=(calls.append, "up"), teardown=(calls.append, "down"))
    once.add_step("work", calls.append, args=("work",))
    f.add_step("each", calls.append, args=(seq.item,), loop=[1, 2], teardown=(calls.append, "end"),
               require=((once, seq.STEP_SUCCESS),))  # fmt: skip
    assert f()
    assert calls == ["up", "work", "down", 1, 2, "end"]


def test_each_instance_of_a_nested_container_has_its_own() -> None:
    calls: Calls = []
    f = flow()
    outer = f.add_step("outer", loop=["a", "b"])
    inner = outer.add_step("inner", setup=(calls.append, seq.item), teardown=(calls.append, outer.key))
    inner.add_step("work", lambda: calls.append(seq.current().sequence))
    assert f()
    assert calls == ["a", "1.1.1", "1", "b", "1.2.1", "2"]


def test_they_take_results_and_what_they_are_is_known_inside() -> None:
    calls: Calls = []

    def up(size: str, zone: str) -> None:
        view = seq.current()
        calls.append((size, zone, view.name, view.sequence, view.idempotency_key.rpartition("/")[2]))

    f = flow()
    size = f.add_step("size", lambda: "large")
    days = f.add_step("days", setup=(up, size.result, "x"))
    days.add_step("work")
    assert f()
    assert calls == [("large", "x", "days", "1", "days@1#setup")]


def test_a_loop_without_items_needs_neither() -> None:
    calls: Calls = []
    f = flow()
    f.add_step("none", calls.append, loop=[], setup=(calls.append, 1), teardown=(calls.append, 2))
    assert f()
    assert calls == []


def test_iterations_wait_for_the_setup_and_the_container_for_its_teardown() -> None:
    up, down, calls = Gate(), Gate(), Calls()
    f = flow(task_construct="thread", max_concurrent=0)
    days = f.add_step("days", calls.append, loop=[1, 2], args=(seq.item,), concurrent=2, setup=up.wait,
                      teardown=down.wait)  # fmt: skip
    f.add_step("after", calls.append, args=("after",), require=((days, seq.STEP_COMPLETE),))
    with running(f, up):
        assert calls == []
        up.opened.set()
        assert down.begun.wait(60)
        assert sorted(calls) == [1, 2]
        down.opened.set()
    assert calls[2:] == ["after"]


def test_a_failed_setup_fails_the_container_which_is_torn_down_without_an_iteration() -> None:
    scene = Scene(":memory:", "up")
    assert not scene.flow()
    assert scene.calls == ["up", "down"]
    assert scene.errors() == {"days@1": "its setup failed: ValueError: up"}


def test_a_failed_teardown_fails_the_container_and_is_told_beside_what_failed_before() -> None:
    scene = Scene(":memory:", "tue", "down")
    assert not scene.flow()
    assert scene.calls == ["up", "mon", "tue", "down"]
    assert scene.errors() == {"days/load@1.2": "ValueError: tue", "days@1": "its teardown failed: ValueError: down"}
    both = Scene(":memory:", "up", "down")
    assert not both.flow()
    assert both.errors() == {"days@1": "its setup failed: ValueError: up; its teardown failed: ValueError: down"}


def test_both_are_tried_again_as_the_container_says() -> None:
    calls: Calls = []

    def late(name: str) -> None:
        calls.append(name)
        if seq.current().try_number < 3:
            raise ValueError(name)

    f = flow()
    c = f.add_step("c", setup=(late, "up"), teardown=(late, "down"),
                   config={"retries": 2, "retry_delay": 0.001})  # fmt: skip
    c.add_step("work", calls.append, args=("work",))
    assert f()
    assert calls == ["up", "up", "up", "work", "down", "down", "down"]


def test_a_failure_elsewhere_that_stops_the_run_lets_the_teardown_run_with_all_its_tries() -> None:
    gate, calls = Gate(), Calls()

    def down() -> None:
        calls.append("down")
        if seq.current().try_number < 2:
            raise ValueError

    def fails() -> None:
        assert gate.begun.wait(60)
        raise ValueError("elsewhere")

    f = flow(task_construct="thread", max_concurrent=0)
    outer = f.add_step("outer")
    days = outer.add_step("days", loop=[1, 2], teardown=down, config={"retries": 1, "retry_delay": 0.001})
    first = days.add_step("first", gate.wait)
    days.add_step("second", calls.append, args=("second",), require=((first, seq.STEP_SUCCESS),))
    f.add_step("fails", fails)
    has_failed = threading.Event()

    class Failed(seq.Observer):
        kinds = (AttemptFailed,)

        def notify(self, notice: Notice) -> None:
            has_failed.set()

    f.add_observer(Failed())
    with running(f, gate) as verdict:
        assert has_failed.wait(600)
    assert verdict == [False]
    assert calls == ["down", "down"]
    assert {t.instance: t.status.value for t in f.tasks() if t.path in ("days", "outer", "outer/days")} == {
        "outer@1": "cancelled", "outer/days@1.1": "cancelled",
    }  # fmt: skip


@pytest.mark.parametrize("path", [None, "days", "outer"])
def test_a_cancelled_container_or_run_is_torn_down(path: str | None, tmp_path: Path) -> None:
    gate, calls = Gate(), Calls()
    f = flow(str(tmp_path / "s.db"), task_construct="thread", max_concurrent=0)
    outer = f.add_step("outer")
    days = outer.add_step("days", gate.wait, loop=[1, 2], setup=(calls.append, "up"),
                          teardown=(calls.append, "down"))  # fmt: skip
    with running(f, gate):
        assert outcome(f.cancel(path if path != "days" else days.path)) == ("done", None)
    assert calls == ["up", "down"]
    assert next(t.status for t in f.tasks() if t.instance == "outer/days@1.1") is TaskStatus.cancelled


def test_a_setup_that_is_cancelled_is_torn_down_and_one_that_never_began_is_not(tmp_path: Path) -> None:
    gate, calls = Gate(), Calls()
    f = flow(str(tmp_path / "s.db"), task_construct="thread", max_concurrent=1)
    for name, setup in (("a", gate.wait), ("b", boom)):
        f.add_step(name, loop=[1], setup=setup, teardown=(calls.append, name)).add_step("work", boom)
    with running(f, gate):
        assert outcome(f.cancel()) == ("done", None)
    assert calls == ["a"]


def test_recovery_sets_up_again_what_has_work_left_and_leaves_alone_what_has_none(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", "tue")
    assert not scene.flow()
    assert scene.again("report") == (False, ["up", "tue", "down", "report"])
    assert scene.again() == (True, ["report"])


def test_recovery_after_a_failed_teardown_tears_down_and_sets_nothing_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", "down")
    assert not scene.flow()
    assert scene.again("down") == (False, ["down"])
    assert scene.again() == (True, ["down", "report"])


def test_recovery_after_a_failed_setup_sets_up_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", "up")
    assert not scene.flow()
    assert scene.again() == (True, ["up", "mon", "tue", "down", "report"])


def test_a_rerun_of_a_step_inside_is_set_up_and_torn_down(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db")
    assert scene.flow()
    scene.calls.clear()
    scene.flow.rerun("days/load", "1.2", "only")
    assert scene.calls == ["up", "tue", "down"]


def test_reruns_of_the_container_and_of_others_go_through(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db")
    assert scene.flow()
    scene.calls.clear()
    scene.flow.rerun("days", None, "downstream")
    assert scene.calls == ["up", "mon", "tue", "down", "report"]


def test_what_is_inside_a_paused_run_is_torn_down_when_the_run_is_resumed_or_cancelled(tmp_path: Path) -> None:
    gate, calls = Gate(), Calls()
    f = flow(str(tmp_path / "s.db"), task_construct="thread", max_concurrent=0)
    f.add_step("days", gate.wait, loop=[1, 2], teardown=(calls.append, "down"))
    with running(f, gate):
        assert outcome(f.pause()) == ("done", None)
        assert outcome(steer(tmp_path / "s.db").cancel()) == ("done", None)
    assert calls == ["down"]


def test_a_plain_step_refuses_them_and_says_what_to_do() -> None:
    f = flow()
    f.add_step("plain", str, setup=boom)
    with pytest.raises(
        FlowError, match=r"'plain': setup is for containers.*call tests.support:boom in the step's func"
    ):
        f.check()


def test_what_is_no_function_and_what_cannot_be_known_is_refused() -> None:
    f = flow()
    with pytest.raises(FlowError, match="'c', teardown: 5 is not a function; give a function, or a tuple"):
        f.add_step("c", teardown=5)  # type: ignore[arg-type]
    d = f.add_step("d", setup=(boom, "x", "y"))
    inner = d.add_step("inner", list)
    with pytest.raises(FlowError, match=r"step 'd': its setup boom.*does not fit its arguments"):
        f.check()
    g = flow()
    outer = g.add_step("outer", teardown=(str, inner.result))
    outer.add_step("work")
    with pytest.raises(RequireError, match="of another flow"):
        g.check()


def test_the_step_inside_whose_result_a_teardown_takes_is_refused() -> None:
    f = flow()
    c = f.add_step("c")
    inner = c.add_step("inner", list)
    f.add_step("other", teardown=(str, inner.result)).add_step("work")
    with pytest.raises(RequireError, match="which is inside container 'c'"):
        f.check()


@pytest.mark.sqlite
def test_they_are_shown_with_their_container(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "s.db", "down", logdir=str(tmp_path))
    scene.calls = PrintedCalls()
    assert not scene.flow()
    store = str(tmp_path / "s.db")
    assert "setup: Scene.call." in shell("graph", store, "--format", "dot")
    tree = shell("status", store)
    assert "days  (2 items, setup Scene.call." in tree
    assert "@1: its teardown failed: ValueError: down" in tree
    assert "its teardown failed: ValueError: down" in shell("why", store, "days")
    logs = shell("logs", store, "days")
    assert "days@1, setup (try 1, success)" in logs
    assert "days@1, teardown (try 1, failure)" in logs
    assert {file.name for file in tmp_path.rglob("days@*.log")} == {"days@1#setup.1.log", "days@1#teardown.1.log"}


class PrintedCalls(list[Any]):
    """Calls that are printed, so that there are logs."""

    def append(self, name: object) -> None:
        print(f"called {name}")


def shell(*arguments: str) -> str:
    found = CliRunner().invoke(command, arguments)
    return found.output


class Grown(Scene):
    """The same program with one more step inside."""

    def __init__(self, store: Path, *fails: str) -> None:
        super().__init__(store, *fails)
        self.days.add_step("check", self.item, args=(self.days.item,), require=(("load", seq.STEP_SUCCESS),))


def test_a_container_that_a_changed_program_walks_again_is_set_up_where_something_in_it_runs(tmp_path: Path) -> None:
    first = Scene(tmp_path / "s.db")
    outer = first.flow.add_step("outer", setup=first.call("outer up"), teardown=first.call("outer down"))
    outer.add_step("work", first.call("work"))
    assert first.flow()
    grown = Grown(tmp_path / "s.db")
    again = grown.flow.add_step("outer", setup=grown.call("outer up"), teardown=grown.call("outer down"))
    again.add_step("work", grown.call("work"))
    assert grown.again() == (True, ["up", "mon", "tue", "down"])
    assert grown.again() == (True, [])


def test_a_setup_that_fails_then_ends_the_iterations_that_wait_for_it(tmp_path: Path) -> None:
    assert Scene(tmp_path / "s.db").flow()
    grown = Grown(tmp_path / "s.db")
    assert grown.again("up") == (False, ["up", "down"])
    assert grown.errors() == {"days@1": "its setup failed: ValueError: up"}
    assert grown.again() == (True, ["up", "mon", "tue", "down"])


def test_a_setup_that_waits_for_its_next_try_is_torn_down_when_a_failure_elsewhere_stops_the_run() -> None:
    begun, calls = Gate(), Calls()

    def up() -> None:
        calls.append("up")
        begun.begun.set()
        raise ValueError

    def fails() -> None:
        assert begun.begun.wait(60)
        raise ValueError

    f = flow(task_construct="thread", max_concurrent=0)
    days = f.add_step("days", loop=[1], setup=up, teardown=(calls.append, "down"),
                      config={"retries": 5, "retry_delay": 1000.0})  # fmt: skip
    days.add_step("work", boom)
    f.add_step("fails", fails)
    assert not f()
    assert calls == ["up", "down"]
    assert [task.status for task in f.tasks("days")] == [TaskStatus.cancelled]


def test_a_setup_may_take_a_part_of_the_nearest_item_and_results_of_earlier_iterations() -> None:
    calls: Calls = []
    f = flow()
    months = f.add_step("months", loop=[{"name": "jan"}, {"name": "feb"}])
    load = months.add_step("load", str.upper, args=(seq.item["name"],))
    setup = (lambda *given: calls.append(given), seq.item["name"], load.previous().result, months.results(load))
    days = months.add_step("days", setup=setup, require=((load, seq.STEP_SUCCESS),))
    days.add_step("work", print)
    assert f()
    assert calls == [("jan", None, []), ("feb", "JAN", ["JAN"])]
