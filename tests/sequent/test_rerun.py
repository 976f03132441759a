"""Running again what is done: which instances, and what with them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.decide.rerunning import Rerun
from eventcore.errors import ProgramError
from eventcore.record.reading import reading
from eventcore.run.next_action import next_action
from sequent import STEP_FAILURE, STEP_SUCCESS
from tests.support import boom, flow, rows

calls: list[str] = []


def note() -> None:
    now = seq.current()
    calls.append(f"{now.name}@{now.sequence}")


def fails_at_first() -> None:
    note()
    if seq.current().recovery == 0:
        raise ValueError


def built(store: Path, last: object = note) -> seq.Sequent:
    """Two loops, one in the other, a step after them and one beside."""
    made = flow(store)
    outer = made.add_step("outer", loop=[1, 2])
    inner = outer.add_step("inner", loop=[1, 2])
    a = inner.add_step("a", note)
    inner.add_step("b", note, require=((a, STEP_SUCCESS),))
    outer.add_step("c", note, require=((inner, STEP_SUCCESS),))
    made.add_step("after", last, require=((outer, STEP_SUCCESS),))  # type: ignore[arg-type]
    made.add_step("beside", note)
    return made


@pytest.fixture
def done(tmp_path: Path) -> seq.Sequent:
    made = built(tmp_path / "run.db")
    assert made.run()
    calls.clear()
    return made


@pytest.mark.parametrize(
    ("rerun", "ran"),
    [
        (Rerun("beside"), ["beside@1"]),
        (Rerun("outer/inner/a", "1.2.1"), ["outer/inner/a@1.2.1"]),
        (Rerun("outer/inner", "1.2"), [f"outer/inner/{name}@1.2.{i}" for i in (1, 2) for name in "ab"]),
        (Rerun("outer/inner", "1.2.2"), ["outer/inner/a@1.2.2", "outer/inner/b@1.2.2"]),
        (Rerun("outer/c"), ["outer/c@1.1", "outer/c@1.2"]),
        (
            Rerun("outer/inner/a", "1.2.1", "downstream"),
            ["outer/inner/a@1.2.1", "outer/inner/b@1.2.1", "outer/c@1.2", "after@1"],
        ),
        (Rerun("outer/inner/b", "1.1.2", "downstream"), ["outer/inner/b@1.1.2", "outer/c@1.1", "after@1"]),
        (Rerun("after", None, "downstream"), ["after@1"]),
        (Rerun("outer/inner/b", "1.1.2", "only"), ["outer/inner/b@1.1.2"]),
    ],
)
def test_what_is_named_runs_again_and_nothing_else(done: seq.Sequent, rerun: Rerun, ran: list[str]) -> None:
    assert done.run(run_mode=seq.RUN_RECOVER, rerun=rerun)
    assert calls == ran


def test_what_recovery_would_run_anyway_runs_as_well_unless_only_is_said(tmp_path: Path) -> None:
    made = built(tmp_path / "run.db", fails_at_first)
    assert not made.run()
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("beside", None, "only"))
    assert calls == ["beside@1"]
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("beside"))
    assert calls == ["beside@1", "after@1"]


def test_history_stays_and_the_next_recovery_finds_the_rerun_in_it(done: seq.Sequent) -> None:
    assert done.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("outer/inner/a", "1.2.1"))
    calls.clear()
    assert done.run(run_mode=seq.RUN_RECOVER)
    assert calls == []


@pytest.mark.parametrize("loop", [None, [1, 2]])
def test_what_a_rerun_failed_runs_again_although_its_iteration_had_succeeded_before(tmp_path: Path, loop: Any) -> None:
    fails = False

    def work() -> None:
        note()
        if fails:
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=loop).add_step("s", work)
    assert made.run()
    fails = True
    assert not made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("c/s", "1.1"))
    fails = False
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.1"]


def test_what_failed_over_an_older_recovery_runs_again_although_a_later_one_had_succeeded(tmp_path: Path) -> None:
    fails = iter((True, False, True, False))

    def work() -> None:
        note()
        if next(fails):
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=[1]).add_step("s", work)
    assert not made.run()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert not made.run(run_mode=seq.RUN_RECOVER, recovery_run=0)
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.1"]


def test_a_recovery_after_a_rerun_walks_the_items_that_the_rerun_computed(tmp_path: Path) -> None:
    found, fails = {"a": 1, "b": 2}, ""

    def work() -> None:
        note()
        if seq.current().key == fails:
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=lambda: found).add_step("s", work)
    assert made.run()
    found, fails = {"b": 2, "c": 3}, "c"
    assert not made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("c"))
    fails = ""
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.c"]


def test_an_instance_that_is_not_there_is_named(done: seq.Sequent) -> None:
    with pytest.raises(ProgramError, match=r"no instance of outer/inner/a@1\.9\.1"):
        done.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("outer/inner/a", "1.9.1"))
    assert rows(done.store, "select max(recovery) from {recoveries}") == [(0,)]


def handled(store: Path) -> seq.Sequent:
    """A loop in which a failure is handled, a step that recovery always reruns, and a part that was cancelled."""
    made = flow(store, stop_on_exception=False)
    each = made.add_step("each", loop=[1, 2])
    bad = each.add_step("bad", boom)
    mends = each.add_step("mends", note, require=((bad, STEP_FAILURE),))
    each.add_step("again", note, recovery={STEP_SUCCESS: seq.STEP_RERUN})
    each.add_step("last", note, require=((mends, STEP_SUCCESS),))
    made.add_step("after", note, require=((each, STEP_SUCCESS),))
    made.add_step("beside", note)
    return made


@pytest.mark.parametrize(
    ("path", "sequence", "ran"),
    [
        ("beside", None, ["beside@1"]),
        ("each/mends", "1.2", ["each/mends@1.2"]),
        ("each/again", None, ["each/again@1.1", "each/again@1.2"]),
        ("each", "1.1", ["each/again@1.1", "each/mends@1.1", "each/last@1.1"]),
        ("each/bad", "1.1", []),
    ],
)
def test_a_success_with_handled_failures_stays_one_if_only_a_part_of_it_is_rerun(
    tmp_path: Path, path: str, sequence: str | None, ran: list[str]
) -> None:
    made = handled(tmp_path / "run.db")
    assert made.run()
    before = {task.instance: task.status.is_done for task in made.tasks()}
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun(path, sequence, "only"))
    assert (made.verdict.value, calls) == ("success", ran)
    assert {task.instance: task.status.is_done for task in made.tasks()} == before
    assert made.run(run_mode=seq.RUN_CONTINUE)
    assert (made.verdict.value, calls) == ("success", ran)


def test_a_success_of_which_a_part_was_cancelled_stays_one_if_only_another_part_is_rerun(tmp_path: Path) -> None:
    made = flow(tmp_path / "run.db")
    each = made.add_step("each", loop=[1])
    box = each.add_step("box")
    box.add_step("late", note, delay=3600)
    each.add_step("after", note, require=((box, STEP_SUCCESS),))
    each.add_step("work", note)
    made.run(max_loops=1)
    made.cancel("each/box")
    made.run(max_loops=1)
    assert made.verdict.value == "success"
    calls.clear()
    made.run(1, run_mode=seq.RUN_RECOVER, rerun=Rerun("each/work", None, "only"))
    assert (made.verdict.value, calls) == ("success", ["each/work@1.1"])


def test_an_iteration_that_a_rerun_adds_belongs_to_what_it_names(tmp_path: Path) -> None:
    items = [1]
    made = flow(tmp_path / "run.db")
    each = made.add_step("each", loop=lambda: items)
    each.add_step("work", note)
    made.add_step("after", note, require=((each, STEP_SUCCESS),))
    assert made.run()
    items.append(2)
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("each", None, "only"))
    assert (made.verdict.value, calls) == ("success", ["each/work@1.1", "each/work@1.2"])


def test_where_only_a_part_is_rerun_and_leads_elsewhere_the_advice_is_to_recover(tmp_path: Path) -> None:
    fails = False

    def switch() -> None:
        if fails:
            raise ValueError

    made = flow(tmp_path / "run.db")
    switched = made.add_step("switch", switch)
    made.add_step("mends", note, require=((switched, STEP_FAILURE),))
    assert made.run()
    fails = True
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("switch", None, "only"))
    assert (made.verdict.value, calls) == ("pending", [])
    with reading(made.store) as reader:
        action = next_action(reader.run(None, time.time()), made.store)
    assert action is not None
    assert action.commands[0].startswith("sequent recover ")
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert (made.verdict.value, calls) == ("success", ["mends@1"])


def pipeline(store: Path, loop: Any) -> seq.Sequent:
    """A loop in which each iteration takes a result of the one before, and another that waits for the one before."""
    made = flow(store)
    months = made.add_step("months", loop=loop)
    load = months.add_step("load", note)
    months.add_step("total", lambda *_: note(), args=(load.result, seq.previous("total").result))
    months.add_step("beside", note)
    months.add_step("post", note, require=((load, STEP_SUCCESS), (seq.previous("post"), STEP_SUCCESS)))
    months.add_step("review", lambda _: note(), args=(months.results(load),))
    return made


@pytest.mark.parametrize(("loop", "keys"), [([1, 2, 3], "123"), ({"9": 1, "7": 2, "8": 3}, "978")])
def test_what_depends_on_an_earlier_iteration_is_downstream_of_it(tmp_path: Path, loop: Any, keys: str) -> None:
    made = pipeline(tmp_path / "run.db", loop)
    assert made.run()
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("months/load", f"1.{keys[1]}", "downstream"))
    second, third = (f"1.{key}" for key in keys[1:])
    assert sorted(calls) == sorted([
        f"months/load@{second}", f"months/total@{second}", f"months/post@{second}", f"months/total@{third}",
        f"months/post@{third}", f"months/review@{third}",
    ])  # fmt: skip


def test_loops_over_a_result_members_and_what_closes_the_flow_are_downstream(tmp_path: Path) -> None:
    sizes = [2]
    made = flow(tmp_path / "run.db")
    plan = made.add_step("plan", lambda: list(range(sizes[0])))
    files = made.add_step("files", loop=plan.result)
    files.add_step("load", note)
    made.add_step("some", note, require=seq.any_of(files, STEP_SUCCESS))
    made.add_step("beside", note)
    made.add_step("closing", note, require=((made, STEP_SUCCESS),))
    assert made.run()
    sizes[0] = 3
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("plan", None, "downstream"))
    assert sorted(calls) == ["closing@1", "files/load@1.1", "files/load@1.2", "files/load@1.3", "some@1"]


def test_what_has_keys_that_the_loop_has_no_more_is_not_downstream(tmp_path: Path) -> None:
    keys = ["a", "\N{SUPERSCRIPT TWO}", "5"]
    made = flow(tmp_path / "run.db")
    months = made.add_step("months", loop=lambda: dict.fromkeys(keys))
    load = months.add_step("load", note)
    months.add_step("total", lambda _: note(), args=(load.previous().result,))
    assert made.run()
    keys[1:] = ["b"]
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("months", None, "only"))
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("months/load", "1.a", "downstream"))
    assert calls == ["months/load@1.a", "months/total@1.b"]


def beyond(store: Path) -> seq.Sequent:
    """Two loops side by side in a loop, and one after it."""
    made = flow(store)
    days = made.add_step("days", loop=[1, 2])
    files = days.add_step("files", loop=[1, 2])
    files.add_step("load", note)
    tables = days.add_step("tables", loop={"a": 1, "b": 2}, require=((files, STEP_SUCCESS),))
    tables.add_step("fill", note)
    after = made.add_step("after", loop=[1, 2])
    after.add_step("report", note, require=((days, STEP_SUCCESS),))
    after.add_step("beside", note)
    return made


def test_what_is_inside_other_containers_is_downstream_too(tmp_path: Path) -> None:
    made = beyond(tmp_path / "run.db")
    assert made.run()
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("days/files/load", "1.2.1", "downstream"))
    assert calls == [
        "days/files/load@1.2.1", "days/tables/fill@1.2.a", "days/tables/fill@1.2.b", "after/report@1.1",
        "after/report@1.2",
    ]  # fmt: skip


@pytest.mark.parametrize(("loop", "keys"), [([1, 2, 3, 4], "1234"), (dict.fromkeys("9786"), "9786")])
def test_downstream_of_an_instance_is_exactly_the_iteration_that_asks_for_it(
    tmp_path: Path, loop: Any, keys: str
) -> None:
    made = flow(tmp_path / "run.db")
    days = made.add_step("days", loop=loop)
    load = days.add_step("load", note)
    days.add_step("takes", lambda _: note(), args=(load.previous(2).result,))
    days.add_step("waits", note, require=((load.previous(2), STEP_SUCCESS),))
    assert made.run()
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("days/load", f"1.{keys[0]}", "downstream"))
    assert sorted(calls) == [f"days/load@1.{keys[0]}", f"days/takes@1.{keys[2]}", f"days/waits@1.{keys[2]}"]
