"""Airflow: trigger rules, branching and joining, short circuits, and days that depend on the day before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run
from tests.support import boom

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER

#: what `require` says for a rule, of a task with `a` and `b` upstream
RULES: dict[str, Callable[[seq.FlowStep, seq.FlowStep], Any]] = {
    "all_success": lambda a, b: ((a, OK), (b, OK)),
    "all_done": lambda a, b: ((a, OVER), (b, OVER)),
    "one_success": lambda a, b: seq.or_((a, OK), (b, OK)),
    "one_failed": lambda a, b: seq.or_((a, FAILED), (b, FAILED)),
    "all_failed": lambda a, b: ((a, FAILED), (b, FAILED)),
    "one_done": lambda a, b: seq.or_((a, seq.STEP_COMPLETE), (b, seq.STEP_COMPLETE)),
    "all_done_min_one_success": lambda a, b: ((a, OVER), (b, OVER), seq.or_((a, OK), (b, OK))),
    "always": lambda a, b: (),
}

#: what is upstream, and the rules under which Airflow then runs the task behind
STATES = {
    ("success", "success"): {"all_success", "all_done", "one_success", "one_done", "all_done_min_one_success"},
    ("success", "failed"): {"all_done", "one_success", "one_failed", "one_done", "all_done_min_one_success"},
    ("success", "skipped"): {"all_done", "one_success", "one_done", "all_done_min_one_success"},
    ("failed", "failed"): {"all_done", "one_failed", "all_failed", "one_done"},
    ("failed", "skipped"): {"all_done", "one_failed", "one_done"},
    ("skipped", "skipped"): {"all_done"},
}


def nothing_to_do() -> None:
    raise seq.Skip("nothing to do")


def upstream(flow: seq.Sequent | seq.FlowStep, name: str, state: str, *, by_itself: bool) -> seq.FlowStep:
    """A step that ends in a state; one that is skipped says so itself, or a condition does."""
    work = boom if state == "failed" else nothing_to_do if state == "skipped" and by_itself else str
    return flow.add_step(name, work, when=(lambda: False) if state == "skipped" and not by_itself else None)


@pytest.mark.parametrize("states", STATES, ids="-".join)
@pytest.mark.parametrize("by_itself", [False, True])
def test_a_trigger_rule_runs_the_task_behind_in_the_same_cases(states: tuple[str, str], by_itself: bool) -> None:
    def build(flow: seq.Sequent) -> None:
        a, b = (upstream(flow, name, state, by_itself=by_itself) for name, state in zip("ab", states, strict=True))
        for rule, require in RULES.items():
            flow.add_step(rule, str, require=require(a, b))

    ran = run(build, stop_on_exception=False)
    assert {one.partition("@")[0] for one in ran.order} & set(RULES) == STATES[states] | {"always"}


#: those that ask whether nothing failed, of a container around the tasks upstream
GROUP_RULES: dict[str, Callable[[seq.FlowStep], Any]] = {
    "none_failed": lambda group: ((group, OK),),
    "none_failed_min_one_success": lambda group: ((group, OK), seq.any_of(group, OK)),
    "none_skipped": lambda group: seq.all_of(group, seq.STEP_COMPLETE),
}

GROUP_STATES = {
    ("success", "success"): {"none_failed", "none_failed_min_one_success", "none_skipped"},
    ("success", "failed"): {"none_skipped"},
    ("success", "skipped"): {"none_failed", "none_failed_min_one_success"},
    ("failed", "failed"): {"none_skipped"},
    ("failed", "skipped"): set(),
    ("skipped", "skipped"): {"none_failed"},
}


@pytest.mark.parametrize("states", GROUP_STATES, ids="-".join)
@pytest.mark.parametrize("by_itself", [False, True])
def test_a_trigger_rule_on_none_is_a_requirement_of_a_container(states: tuple[str, str], by_itself: bool) -> None:
    def build(flow: seq.Sequent) -> None:
        group = flow.add_step("group")
        for name, state in zip("ab", states, strict=True):
            upstream(group, name, state, by_itself=by_itself)
        for rule, require in GROUP_RULES.items():
            flow.add_step(rule, str, require=require(group))

    ran = run(build, stop_on_exception=False)
    assert {one.partition("@")[0] for one in ran.order} & set(GROUP_RULES) == GROUP_STATES[states]


def branching(flow: seq.Sequent, day: str) -> None:
    """A branch that chooses between a full and a quick load, and a join behind both."""
    chosen = flow.add_step("choose", lambda: "full" if day == "sunday" else "quick")
    full = flow.add_step("full", sum, args=([1, 2, 3],), when=chosen.result == "full")
    checked = flow.add_step("check", lambda rows: rows == 6, args=(full.result,))
    quick = flow.add_step("quick", sum, args=([3],), when=chosen.result == "quick")
    flow.add_step("join", str, require=((checked, OVER), (quick, OVER), seq.or_((checked, OK), (quick, OK))))


@pytest.mark.parametrize(
    ("day", "runs"),
    [("sunday", ["choose@1", "full@1", "check@1", "join@1"]), ("monday", ["choose@1", "quick@1", "join@1"])],
)
def test_a_join_runs_behind_the_branch_that_was_taken(day: str, runs: list[str]) -> None:
    ran = run(branching, day)
    assert ran.ok
    assert ran.order == runs


def test_a_short_circuit_leaves_out_what_is_behind_it_but_for_what_runs_anyway() -> None:
    def build(flow: seq.Sequent) -> None:
        rows = flow.add_step("rows", list)
        load = flow.add_step("load", len, args=(rows.result,), when=rows.result)
        index = flow.add_step("index", str, require=((load, OK),))
        flow.add_step("tidy", str, require=((index, OVER),))

    ran = run(build)
    assert ran.ok
    assert ran.order == ["rows@1", "tidy@1"]


def backfill(flow: seq.Sequent, load: Flaky) -> None:
    """Days side by side, each load after the load of the day before; what follows a load may overlap."""
    days = flow.add_step("days", loop={f"d{n}": n for n in range(1, 5)}, concurrent=4)
    loaded = days.add_step("load", load, args=(days.item,), require=((seq.previous("load"), OK),))
    days.add_step("report", str, args=(loaded.result,))


def test_a_backfill_that_depends_on_past_stops_at_the_day_that_failed_and_goes_on_from_there(tmp_path: Path) -> None:
    load = Flaky(3)
    ran = run(backfill, load, store=tmp_path / "days.db", stop_on_exception=False)
    assert not ran.ok
    assert {one for one in ran.order if "load" in one} == {"days/load@1.d1", "days/load@1.d2", "days/load@1.d3"}
    assert {"days/report@1.d1", "days/report@1.d2"} <= set(ran.order)
    load.mend()
    ran = run(backfill, load, store=tmp_path / "days.db", again=True, stop_on_exception=False)
    assert ran.ok
    assert in_order(ran, "days/load@1.d3", "days/load@1.d4", "days/report@1.d4")
    assert sorted(ran.order) == ["days/load@1.d3", "days/load@1.d4", "days/report@1.d3", "days/report@1.d4"]


def sensing(flow: seq.Sequent, folder: Path, minutes: int) -> None:
    """A sensor that gives its place up between two looks, fails softly after an hour, and a load behind it."""
    sensor = {"deadline": 3600, "allow_failure": True}
    arrived = flow.add_step("sensor", seq.poll((folder / "orders").exists, every=60), config=sensor)
    flow.add_step("load", (folder / "orders").read_text, require=((arrived, OK),))
    flow.add_step("deliver", (folder / "orders").write_text, args=("4 orders",), delay=60 * minutes)


@pytest.mark.parametrize(
    ("minutes", "runs"), [(10, {"sensor@1", "deliver@1", "load@1"}), (90, {"sensor@1", "deliver@1"})]
)
def test_a_sensor_lets_others_run_meanwhile_and_its_timeout_skips_what_is_behind(
    tmp_path: Path, minutes: int, runs: set[str]
) -> None:
    ran = run(sensing, tmp_path, minutes, task_construct="thread", max_concurrent=1)
    assert ran.ok
    assert set(ran.order) == runs


def cluster(flow: seq.Sequent, log: list[str], query: Flaky) -> None:
    """A cluster is made, used and removed; the report needs it no more."""
    made = flow.add_step("cluster", loop=["q1", "q2"], setup=(log.append, "create"), teardown=(log.append, "delete"))
    made.add_step("query", query, args=(made.item,))
    flow.add_step("report", log.append, args=("report",), require=((made, OK),))


def test_a_teardown_runs_though_the_work_failed_and_clearing_the_work_clears_both(tmp_path: Path) -> None:
    log: list[str] = []
    query = Flaky("q2")
    assert not run(cluster, log, query, store=tmp_path / "run.db").ok
    assert log == ["create", "delete"]
    query.mend()
    ran = run(cluster, log, query, store=tmp_path / "run.db", again=True)
    assert ran.ok
    assert ran.order == ["cluster/query@1.2", "report@1"]
    assert log == ["create", "delete", "create", "delete", "report"]
