"""`sequent.testing.run_flow`: a flow in a test."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

import sequent as seq
from eventcore.define.status import Verdict
from eventcore.errors import ResultNotFoundError
from sequent.errors import FlowError
from sequent.testing import run_flow
from tests.support import boom


def send() -> str:
    """To be patched by a test."""
    return "sent"


def nightly(store: Path) -> seq.Sequent:
    """A flow that would take two hours, and has processes and a store of its own."""
    made = seq.Sequent("nightly", store, config={"logging_level": "CRITICAL", "stop_on_exception": False})
    days = made.add_step("days", loop={"mon": 1, "tue": 2})
    days.add_step("load", lambda day: day * 10, args=(days.item,), delay=3600)
    flaky = made.add_step(
        "flaky", lambda: seq.current().try_number > 1 or boom(), config={"retries": 3, "retry_delay": 3600}
    )
    made.add_step("send", lambda: send(), require=((days, seq.STEP_SUCCESS), (flaky, seq.STEP_SUCCESS)))
    made.add_step("bad", boom, args=("no such table",))
    return made


def test_it_returns_facts_to_assert_on(tmp_path: Path) -> None:
    ran = run_flow(nightly(tmp_path / "run.db"))
    assert not ran.ok
    assert ran.verdict.value == "failure"
    assert ran.results("days/load") == {"1.mon": 10, "1.tue": 20}
    assert ran.result("days/load", "1.tue") == 20
    assert ran.result("send") == "sent"
    assert ran.errors == {"bad@1": "ValueError: no such table"}
    assert {name: status.value for name, status in ran.statuses.items()} == {
        "days@1": "success", "days/load@1.mon": "success", "days/load@1.tue": "success", "flaky@1": "success",
        "send@1": "success", "bad@1": "failure",
    }  # fmt: skip
    assert sorted(ran.order[:2]) == ["bad@1", "flaky@1"]
    assert ran.order[-1] == "send@1"
    assert {task.path: task.tries for task in ran.tasks}["flaky"] == 2


def test_what_a_test_patches_is_patched_for_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Mock(return_value="not sent")
    monkeypatch.setattr(f"{__name__}.send", fake)
    assert run_flow(nightly(tmp_path / "run.db")).result("send") == "not sent"
    fake.assert_called_once_with()


def test_the_function_of_a_step_can_be_replaced_for_a_run(tmp_path: Path) -> None:
    made = nightly(tmp_path / "run.db")
    bad = made.children["bad"].func
    ran = run_flow(made, replace={"days/load": lambda day: f"day {day}", "bad": str.upper})
    assert ran.ok
    assert ran.results("days/load") == {"1.mon": "day 1", "1.tue": "day 2"}
    assert ran.result("bad") == "NO SUCH TABLE"
    assert made.children["bad"].func is bad
    assert run_flow(made).result("days/load", "1.mon") == 10


def test_only_a_step_with_a_function_can_have_it_replaced(tmp_path: Path) -> None:
    made = nightly(tmp_path / "run.db")
    send = made.children["send"].func
    for replace, said in [
        ({"send": str, "load": str}, "no step 'load'; did you mean 'days/load'?"),
        ({"send": str, "days": str}, "'days' is a container; name a step that has a function"),
    ]:
        with pytest.raises(seq.FlowError) as refused:
            run_flow(made, replace=replace)
        assert said in str(refused.value)
    assert made.children["send"].func is send


def test_the_flow_itself_its_store_and_its_settings_stay_as_they_are(tmp_path: Path) -> None:
    made = seq.Sequent("mine", tmp_path / "run.db", config={"logging_level": "CRITICAL", "logdir": str(tmp_path)})
    made.add_step("pid", os.getpid)
    before, run_id = made.config, made.run_id
    assert run_flow(made).result("pid") == os.getpid()
    assert run_flow(made, config={"task_construct": "process"}).result("pid") != os.getpid()
    assert list(tmp_path.iterdir()) == []
    assert (made.config, made.run_id, made.store) == (before, run_id, str(tmp_path / "run.db"))
    assert made.run()
    assert made.run_id == run_id
    assert made.result("pid") != os.getpid()
    run_flow(made)
    assert seq.stored_run(tmp_path / "run.db").run_id == run_id


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    ran = run_flow(nightly(tmp_path / "run.db"))
    with pytest.raises(ResultNotFoundError, match="no step 'days' with results; did you mean 'days/load'"):
        ran.results("days")
    with pytest.raises(
        ResultNotFoundError, match=r"no single result without a sequence; it has results at 1.mon, 1.tue"
    ):
        ran.result("days/load")
    with pytest.raises(
        ResultNotFoundError, match=r"it has no results; what failed is bad@1: ValueError: no such table"
    ):
        ran.result("bad")


def test_a_flow_that_cannot_run_is_refused_and_unchanged(tmp_path: Path) -> None:
    made = seq.Sequent("wrong", tmp_path / "run.db")
    made.add_step("s", require=(("missing", seq.STEP_SUCCESS),))
    with pytest.raises(seq.FlowError, match="requires 'missing'"):
        run_flow(made)
    assert made.store == str(tmp_path / "run.db")


def test_waits_are_answered_as_soon_as_they_wait() -> None:
    flow = seq.Sequent()
    days = flow.add_step("days", loop=range(2))
    approved = days.add_wait("approved", timeout=60, default="nobody")
    days.add_step("send", lambda said: said, args=(approved.result,))
    late = flow.add_wait("late", require=((days, seq.STEP_SUCCESS),), delay=3600, timeout=60, default="nobody")
    other = flow.add_wait("other", timeout=60, default="nobody")
    flow.add_step("end", lambda *said: said, args=(late.result, other.result))
    ran = run_flow(flow, answers={"days/approved": "yes", "late": "no"})
    assert ran.results("days/send") == {"1.1": "yes", "1.2": "yes"}
    assert ran.result("end") == ("no", "nobody")


def test_a_run_that_waits_for_an_answer_that_the_test_does_not_give_is_pending() -> None:
    flow = seq.Sequent()
    flow.add_wait("approved")
    assert run_flow(flow).verdict is Verdict.pending
    with pytest.raises(FlowError, match="no wait 'aproved'; did you mean 'approved'"):
        run_flow(flow, answers={"aproved": 1})
