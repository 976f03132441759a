"""Which runs may be deleted, and that a deletion is whole or ended by the next."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

import eventcore as evr
from eventcore.define.status import Verdict
from eventcore.errors import RunNotFoundError
from eventcore.record import cleaning, lease
from eventcore.record.reading import reading
from eventcore.record.store import opened
from eventcore.record.views import RunView
from tests.support import eventor, rows, start


def run(number: int, ended: float | None, **values: object) -> RunView:
    view = RunView(
        number, f"run {number}", "program", None, 0, 0.0, float(number), ended, Verdict.success, False, None, 0, None,
        [], [],
    )  # fmt: skip
    return replace(view, **values)


@pytest.mark.parametrize(
    ("before", "keep", "left"),
    [
        (None, 4, [4, 3, 2, 1, 9]),
        (None, 1, [4, 9]),
        (35.0, None, [4]),
        (25.0, 1, [4, 3, 9]),
        (1e9, None, []),
        (1e9, 3, [4, 3, 2, 9]),
    ],
)
def test_runs_that_meet_all_criteria_may_go(before: float | None, keep: int | None, left: list[int]) -> None:
    runs = [run(4, 40.0), run(3, 30.0), run(2, None), run(1, 10.0), run(9, 9.0, program="other")]
    gone = {view.id for view in cleaning.disposable(runs, before, keep)}
    assert [view.id for view in runs if view.id not in gone] == left


def test_a_run_that_an_engine_holds_stays() -> None:
    assert cleaning.disposable([run(1, 1.0, is_held=True)], 1e9, 0) == []


def some_runs(store: Path, *run_ids: str) -> None:
    for run_id in run_ids:
        program = eventor(store, run_id=run_id)
        start(program, program.add_step("step", str, args=("x" * 50,)))
        assert program()


def test_what_a_killed_cleaning_leaves_is_nobodys_and_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    some_runs(path, "one", "two")
    with reading(str(path)) as reader:
        second = reader.run("two", time.time())
    store = opened(str(path))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cleaning, "_delete", interrupted)
        cleaning.delete_run(store, second)
    assert rows(path, "select count(*) from {tasks} where run = 2") == [(1,)]
    with reading(str(path)) as reader:
        assert [view.run_id for view in reader.runs(time.time())] == ["one"]
        assert reader.run(None, time.time()).run_id == "one"
    assert evr.steer(path).run_id == "one"
    with pytest.raises(RunNotFoundError):
        eventor(path, evr.RunMode.recover, run_id="two")()
    some_runs(path, "two")
    cleaning.finish(store)
    store.close()
    assert rows(path, "select id, run_id from {runs} order by id") == [(1, "one"), (3, "two")]
    assert rows(path, "select distinct run from {tasks} order by run") == [(1,), (3,)]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.sqlite
def test_many_rows_go_in_small_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    program = eventor(path, max_result_size=10)
    step, go = program.add_step("step", str, args=("x" * 50,)), program.add_event("go")
    program.add_assoc(go, step)
    for number in range(10):
        program.trigger_event(go, number)
    assert program()
    assert len(list(tmp_path.glob("run.db.results/*/*"))) == 10
    monkeypatch.setattr(cleaning, "BATCH", 3)
    with reading(str(path)) as reader:
        view = reader.run(None, time.time())
    store = opened(str(path))
    assert cleaning.delete_run(store, view)
    assert not cleaning.delete_run(store, view)
    store.close()
    assert not list(tmp_path.glob("run.db.results/*"))
    for table in ("runs", "recoveries", "programs", "tasks", "facts", "results"):
        assert rows(path, f"select count(*) from {{{table}}}") == [(0,)]


def test_a_run_that_is_taken_up_in_the_meantime_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    some_runs(path, "one")
    with reading(str(path)) as reader:
        view = reader.run("one", time.time())
    store = opened(str(path))
    lease.take(store.connection, view.id, lease.this_engine(), 30.0, time.time())
    assert not cleaning.delete_run(store, view)
    store.close()
    assert rows(path, "select count(*) from {tasks}") == [(1,)]
