"""What was run before is run again by the same object; what is left to do is known at any time."""

import threading
import time
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.define.status import RunMode, StepStatus
from eventcore.errors import RunExistsError
from tests.acceptance.chains import Calls, Flaky, chain, config, fails, nothing
from tests.crash.sabotage import rows


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
        flaky.fixed = True
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
    flaky.fixed = True
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
