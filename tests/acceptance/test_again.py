"""What was run before is run again, recovered or continued; what is left to do is known at any time."""

import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.status import RunMode, StepReplay, StepStatus
from eventcore.errors import EventcoreError, ProgramChangedError, RunExistsError, RunNotFoundError, StoreError
from sequent import Sequent
from tests.crash.processes import Scripts, eventually
from tests.crash.sabotage import rows, statuses
from tests.support import eventor, start

Calls = list[str]


def config(folder: Path, **more: Any) -> dict[str, Any]:
    return {"task_construct": "invoke", "logdir": str(folder), "console": False, "durability": "normal", **more}


def chain(folder: Path, calls: Calls, *functions: Callable[[], Any], delay: float = 0, **more: Any) -> evr.Eventor:
    """Steps `s0`, `s1`, ... one after another, each noting its call."""

    def noting(name: str, function: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            calls.append(name)
            return function()

        return step

    store = more.pop("store", folder / "s.db")
    program = evr.Eventor("chain", store, config=config(folder, **more))
    event = program.add_event("e0")
    program.trigger_event(event, 1)
    for number, function in enumerate(functions):
        after = program.add_event(f"e{number + 1}")
        name = f"s{number}"
        step = program.add_step(name, noting(name, function), triggers={StepStatus.success: [after]})
        program.add_assoc(event, step, delay=delay if number else 0)
        event = after
    return program


def nothing() -> None:
    pass


def fails() -> None:
    raise ValueError("broken")


class Flaky:
    """Fails until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    def __call__(self) -> str:
        if not self.mended:
            raise ValueError("broken")
        return "mended"


# the same object again


def test_run_again_goes_on_with_the_same_run_and_repeats_nothing(tmp_path: Path) -> None:
    calls = Calls()
    program = chain(tmp_path, calls, nothing, nothing)
    assert program.run()
    assert program()
    assert calls == ["s0", "s1"]
    assert rows(tmp_path / "s.db", "SELECT run_id, recovery FROM eventcore_runs") == [(program.run_id, 0)]


def test_a_failure_stays_one_when_the_run_goes_on(tmp_path: Path) -> None:
    calls = Calls()
    program = chain(tmp_path, calls, fails, nothing)
    assert not program.run()
    assert not program.run()
    assert calls == ["s0"]


@pytest.mark.parametrize("store", ["s.db", ":memory:"])
def test_one_object_restarts_and_recovers(store: str, tmp_path: Path) -> None:
    calls, flaky = Calls(), Flaky()
    where = store if store == ":memory:" else tmp_path / store
    with chain(tmp_path, calls, nothing, flaky, nothing, store=where) as program:
        assert not program.run(run_mode=RunMode.restart)
        first = program.run_id
        flaky.mended = True
        assert program.run(run_mode=RunMode.recover)
        assert program.run_id == first
        assert calls == ["s0", "s1", "s1", "s2"]
        assert program.run(run_mode=RunMode.restart)
        assert program.run_id != first
        assert calls[4:] == ["s0", "s1", "s2"]


def test_a_run_id_is_given_once(tmp_path: Path) -> None:
    program = chain(tmp_path, [], nothing)
    assert program.run(run_id="monday")
    with pytest.raises(RunExistsError, match="monday"):
        chain(tmp_path, [], nothing).run(run_id="monday")


def test_recovery_of_the_constructor_holds_for_its_run(tmp_path: Path) -> None:
    calls, flaky = Calls(), Flaky()
    program = chain(tmp_path, calls, nothing, flaky)
    assert not program.run()
    flaky.mended = True
    assert program.run(run_mode=RunMode.recover)
    calls.clear()
    late = evr.Eventor(
        "chain", tmp_path / "s.db", run_mode=RunMode.recover, recovery_run=0, config=config(tmp_path)
    )  # fmt: skip
    e0, e1 = late.add_event("e0"), late.add_event("e1")
    late.add_assoc(e0, late.add_step("s0", lambda: calls.append("s0"), triggers={StepStatus.success: [e1]}))
    late.add_assoc(e1, late.add_step("s1", lambda: calls.append("s1")))
    late.trigger_event(e0, 1)
    assert late.run()
    assert calls == ["s1"]


# what is left


@pytest.mark.parametrize("store", ["s.db", ":memory:"])
def test_count_todos_at_any_time(store: str, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, float | None]] = {}
    where = store if store == ":memory:" else tmp_path / store

    def looks() -> None:
        seen["during"] = program.count_todos()

    program = chain(tmp_path, [], looks, nothing, nothing, store=where, delay=600)
    assert program.count_todos() == (1, None)
    assert program.run(max_loops=1)
    assert seen["during"] == (1, None)
    for _ in range(2):
        total, due = program.count_todos()
        assert total == 1
        assert due is not None
        assert 500 < due <= 600
        program.close()
    program.close()


def test_count_todos_when_all_is_done(tmp_path: Path) -> None:
    with chain(tmp_path, [], nothing) as program:
        assert program.run()
        assert program.count_todos() == (0, None)
    assert program.count_todos() == (0, None)


def test_a_trigger_between_runs_is_outstanding_until_it_is_taken_up(tmp_path: Path) -> None:
    calls = Calls()
    program = chain(tmp_path, calls, nothing)
    assert program.run()
    program.trigger_event("e0", 7)
    assert program.count_todos() == (1, None)
    assert program.run()
    assert calls == ["s0", "s0"]
    assert program.count_todos() == (0, None)


def test_count_todos_from_another_thread_while_the_run_changes(tmp_path: Path) -> None:
    def turn() -> None:
        here = evr.current()
        if int(here.sequence) < 300:
            here.trigger("again", int(here.sequence) + 1)

    program = evr.Eventor("many", tmp_path / "s.db", config=config(tmp_path))
    program.add_assoc(program.add_event("again"), program.add_step("turn", turn))
    program.add_assoc(program.add_event("later"), program.add_event("never"), delay=600)
    for sequence in range(1000, 2000):
        program.trigger_event("later", sequence)
    program.trigger_event("again", 1)
    verdicts: list[bool] = []
    thread = threading.Thread(target=lambda: verdicts.append(program.run(max_loops=1)))
    thread.start()
    counts = []
    while thread.is_alive():
        counts.append(program.count_todos()[0])
    thread.join()
    assert verdicts == [True]
    assert max(counts) >= 1000
    assert program.count_todos()[0] == 1000


# recovery


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_nothing_to_recover_is_an_error_that_says_so(mode: RunMode, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run the program first"):
        chain(tmp_path, [], nothing).run(run_mode=mode)
    other = evr.Eventor("other", tmp_path / "s.db", config=config(tmp_path))
    other.trigger_event(other.add_event("start"), 1)
    assert other.run()
    with pytest.raises(RunNotFoundError, match="nothing to recover"):
        chain(tmp_path, [], nothing).run(run_mode=mode)
    with pytest.raises(EventcoreError, match="'lost'"):
        chain(tmp_path, [], nothing).run(run_mode=mode, run_id="lost")


def test_a_step_with_history_that_left_the_program_is_an_error_unless_accepted(tmp_path: Path) -> None:
    assert not chain(tmp_path, [], nothing, fails).run()
    with pytest.raises(ProgramChangedError, match="'s1'"):
        chain(tmp_path, [], nothing).run(run_mode=RunMode.recover)
    calls = Calls()
    assert chain(tmp_path, calls, nothing).run(run_mode=RunMode.recover, accept_removed=True)
    assert calls == []


def test_an_added_and_a_changed_step_are_adopted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def flow(calls: Calls, more: bool) -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        outer = found.add_step("outer", loop=[1, 2])
        outer.add_step("kept", lambda: calls.append("kept"))
        broken = outer.add_step("broken", nothing if more else fails, config={"retries": 1} if more else {})
        if more:
            outer.add_step("added", lambda: calls.append("added"), require=((broken, StepStatus.success),))
        return found

    calls = Calls()
    assert not flow(calls, more=False).run()
    assert calls == ["kept"]
    with caplog.at_level(logging.WARNING, "eventcore"):
        assert flow(calls, more=True).run(run_mode=RunMode.recover)
    assert calls == ["kept", "added", "kept", "added"]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "added: outer/added" in warning
    assert "outer/broken" in warning.partition("changed:")[2]


def test_a_step_added_to_what_had_succeeded_is_run(tmp_path: Path) -> None:
    def flow(calls: Calls, more: bool) -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        outer = found.add_step("outer", loop=[1, 2])
        outer.add_step("kept", lambda: calls.append("kept"))
        if more:
            outer.add_step("added", lambda: calls.append("added"))
        return found

    calls = Calls()
    assert flow(calls, more=False).run()
    assert flow(calls, more=True).run(run_mode=RunMode.recover)
    assert calls == ["kept", "kept", "added", "added"]


def test_recovery_gives_a_step_all_its_tries_again(tmp_path: Path) -> None:
    calls, flaky = Calls(), Flaky()
    program = chain(tmp_path, calls, flaky, retries=2)
    assert not program.run()
    assert calls == ["s0"] * 3
    assert not program.run(run_mode=RunMode.recover)
    assert calls == ["s0"] * 6
    flaky.mended = True
    assert program.run(run_mode=RunMode.recover)
    assert calls == ["s0"] * 7
    tries = rows(
        tmp_path / "s.db", "SELECT recovery, try FROM eventcore_attempts WHERE status = 'failure' ORDER BY 1, 2"
    )
    assert tries == [(r, t) for r in (0, 1) for t in (1, 2, 3)]


def test_a_step_that_ran_out_of_time_is_recovered(tmp_path: Path) -> None:
    def waits() -> None:
        end = time.monotonic() + 20
        while not (tmp_path / "fast").exists() and time.monotonic() < end:
            time.sleep(0.01)

    program = chain(tmp_path, [], waits, nothing, task_construct="process", timeout=2)
    assert not program.run()
    (tmp_path / "fast").touch()
    assert program.run(run_mode=RunMode.recover)
    assert statuses(tmp_path / "s.db") == {("s0", "1"): "success", ("s1", "1"): "success"}


def test_a_step_that_asks_for_it_is_run_again_alone(tmp_path: Path) -> None:
    calls = Calls()

    def flow() -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        one = found.add_step(
            "one", lambda: calls.append("one"), recovery={StepStatus.success: StepReplay.rerun}
        )  # fmt: skip
        found.add_step("two", lambda: calls.append("two"), require=((one, StepStatus.success),))
        return found

    assert flow().run()
    assert flow().run(run_mode=RunMode.recover)
    assert calls == ["one", "two", "one"]


# delays


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_a_delay_outlives_its_engine_and_is_not_begun_again(mode: RunMode, tmp_path: Path) -> None:
    calls, store = Calls(), tmp_path / "s.db"
    assert chain(tmp_path, calls, nothing, nothing, delay=1.0).run(max_loops=1)
    ((due,),) = rows(store, "SELECT due FROM eventcore_delays")
    assert chain(tmp_path, calls, nothing, nothing, delay=1.0).run(run_mode=mode)
    assert calls == ["s0", "s1"]
    assert {row for (row,) in rows(store, "SELECT due FROM eventcore_delays WHERE event LIKE 'e1%'")} == {due}
    ((started,),) = rows(store, "SELECT max(started) FROM eventcore_tasks WHERE step = 's1'")
    assert started >= due


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_a_delay_that_fell_due_meanwhile_is_served_at_once(mode: RunMode, tmp_path: Path) -> None:
    calls = Calls()
    assert chain(tmp_path, calls, nothing, nothing, delay=0.2).run(max_loops=1)
    time.sleep(0.25)
    assert chain(tmp_path, calls, nothing, nothing, delay=0.2).run(max_loops=1, run_mode=mode)
    assert calls == ["s0", "s1"]


@pytest.mark.parametrize("new_object", [True, False])
def test_pass_after_pass_comes_to_the_end(new_object: bool, tmp_path: Path) -> None:
    def made() -> evr.Eventor:
        return chain(tmp_path, calls, nothing, nothing, nothing, delay=0.05)

    calls = Calls()
    program = made()
    assert program.run(max_loops=1)
    for _ in range(20):
        if not program.count_todos()[0]:
            break
        time.sleep(program.count_todos()[1] or 0)
        program = made() if new_object else program
        assert program.run(max_loops=1, run_mode=RunMode.continue_)
    assert calls == ["s0", "s1", "s2"]


# interrupting

INTERRUPTED = """\
    import pathlib, sys, time
    import eventcore as evr

    folder = pathlib.Path(__file__).parent

    def first(folder):
        pathlib.Path(folder, "running").touch()
        while not pathlib.Path(folder, "go").exists():
            time.sleep(0.01)
        with open(pathlib.Path(folder, "log"), "a") as log:
            log.write("first\\n")

    def second(folder):
        with open(pathlib.Path(folder, "log"), "a") as log:
            log.write("second\\n")

    program = evr.Eventor("stopped", folder / "s.db", config={"console": False, "task_construct": sys.argv[1]})
    start, then = program.add_event("start"), program.add_event("then")
    program.add_assoc(start, program.add_step("first", first, args=(str(folder),),
                                              triggers={evr.StepStatus.success: [then]}))
    program.add_assoc(then, program.add_step("second", second, args=(str(folder),)))
    program.trigger_event(start, 1)
    print(program.run(run_mode=evr.RunMode(sys.argv[2])))
"""


@pytest.mark.parametrize("mode", ["recover", "continue"])
@pytest.mark.parametrize("executor", ["process", "thread"])
def test_an_interrupted_run_finishes_what_runs_and_starts_nothing(
    executor: str, mode: str, scripts: Scripts, tmp_path: Path
) -> None:
    script = scripts.write(INTERRUPTED)
    process = scripts.start(script, executor, "restart")
    eventually((tmp_path / "running").exists, "the first step")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert "True" not in out
    assert "KeyboardInterrupt" in err or "Interrupted" in err
    assert (tmp_path / "log").read_text().split() == ["first"]
    assert statuses(tmp_path / "s.db") == {("first", "1"): "success", ("second", "1"): "ready"}
    assert rows(tmp_path / "s.db", "SELECT verdict FROM eventcore_recoveries") == [("pending",)]
    done = scripts.run(script, executor, mode)
    assert done.stdout.split() == ["True"], done.stderr
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


def test_a_second_interrupt_ends_what_runs(scripts: Scripts, tmp_path: Path) -> None:
    script = scripts.write(INTERRUPTED)
    process = scripts.start(script, "process", "restart")
    eventually((tmp_path / "running").exists, "the first step")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    eventually(scripts.all_gone, "the end of the workers")
    (tmp_path / "go").touch()
    assert scripts.run(script, "process", "recover").stdout.split() == ["True"]
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


def test_a_try_that_was_lost_with_its_engine_uses_up_no_retry(tmp_path: Path) -> None:
    store = tmp_path / "run.db"

    def fails_once() -> None:
        if evr.current().try_number < 3:
            raise ValueError

    def program() -> evr.Eventor:
        made = eventor(store, run_id="run")
        start(made, made.add_step("step", fails_once, config={"retries": 1}))
        return made

    program().run(max_loops=0)
    with closing(sqlite3.connect(store)) as connection, connection:  # an engine died in the middle of the first try
        connection.execute("insert into eventcore_tasks (run, sequence, step, recovery, scope, status, try)"
                           " values (1, '1', 'step', 0, '', 'active', 1)")  # fmt: skip
        connection.execute("insert into eventcore_facts (run, sequence, event, recovery, scope, at)"
                           " values (1, '1', 'start step at 1', 0, '', 0)")  # fmt: skip
    assert program().run(run_mode=evr.RunMode.continue_, run_id="run")
