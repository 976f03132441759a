"""Steps of a flow: a tree of containers and leaves, their paths and sequences."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from tests.support import boom, flow, rows


def where(ran: list[str]) -> Any:
    """A step that notes its instance."""
    return lambda: ran.append(f"{seq.current().name}@{seq.current().sequence}")


def test_a_flow_is_run_by_calling_it_or_by_run() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("a", ran.append, ("a",))
    assert f() is True
    g = flow()
    g.add_step("b", ran.append, ("b",))
    assert g.run() is True
    assert ran == ["a", "b"]


def test_steps_without_requirement_start_with_their_container() -> None:
    ran: list[str] = []
    f = flow()
    for name in "cab":
        f.add_step(name, ran.append, (name,))
    assert f()
    assert ran == ["c", "a", "b"]


def test_paths_join_names_and_sequences_begin_with_the_roots_1() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("s0", loop=[1, 2]).add_step("s00").add_step("s1", where(ran))
    f.add_step("s3", where(ran))
    assert f()
    assert sorted(ran) == ["s0/s00/s1@1.1.1", "s0/s00/s1@1.2.1", "s3@1"]


def test_what_runs_inside_the_engine_never_shows_up_in_what_users_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    f = flow(logging_level="INFO", stop_on_exception=False)
    s0 = f.add_step("s0", loop=lambda: [1, 2])
    s1 = s0.add_step("s1", boom)
    s0.add_step("s2", int, require=((s1, seq.STEP_SUCCESS),))
    f.add_step("s3", int, loop=[1])
    f()
    said = [text.splitlines()[0] for text in caplog.messages]
    assert "[ Step s0/s1/1.2 ] Trying to run" in said
    assert not [text for text in said if "#" in text]


def test_the_seeds_example_runs_in_the_seeds_order() -> None:
    ran: list[str] = []
    f = flow()
    s0 = f.add_step("s0", loop=[1, 2])
    s00 = s0.add_step("s00", loop=[1, 2])
    s1 = s00.add_step("s1", ran.append, ("prog1",))
    s00.add_step("s2", ran.append, ("prog2",), require=((s1, seq.StepStatus.success),))
    s0.add_step("s3", ran.append, ("prog3",), require=((s00, seq.StepStatus.success),))
    assert f()
    assert ran == ["prog1", "prog2", "prog1", "prog2", "prog3"] * 2


def test_a_step_without_function_succeeds() -> None:
    f = flow()
    f.add_step("nothing")
    f.add_step("container").add_step("nothing")
    assert f()


def test_names_need_to_differ_only_among_siblings() -> None:
    ran: list[str] = []
    f = flow()
    for name in "ab":
        f.add_step(name).add_step("load", where(ran))
    assert f()
    assert ran == ["a/load@1.1", "b/load@1.1"]


def test_a_step_can_be_named_with_any_text() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("été: 5 %").add_step("a.b c", where(ran))
    assert f()
    assert ran == ["été: 5 %/a.b c@1.1"]


def test_a_delay_comes_between_the_requirement_and_the_start(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db")
    a = f.add_step("a", int)
    f.add_step("b", int, require=((a, seq.STEP_SUCCESS),), delay=0.1)
    assert f()
    times = {step: (start, end) for step, start, end in rows(f.store, "select step, started, ended from {tasks}")}
    assert times["b"][0] - times["a"][1] >= 0.099


def test_a_pending_delay_is_outstanding_and_continue_serves_it(tmp_path: Path) -> None:
    ran: list[str] = []
    for mode in (seq.RunMode.restart, seq.RunMode.continue_):
        f = flow(tmp_path / "run.db", mode)
        a = f.add_step("a", ran.append, ("a",))
        f.add_step("b", ran.append, ("b",), require=((a, seq.STEP_SUCCESS),), delay=0.2)
        assert f.run(max_loops=1 if mode is seq.RunMode.restart else -1)
    assert ran == ["a", "b"]


def test_a_container_holds_its_resources_from_its_start_to_its_end() -> None:
    inside: list[str] = []
    pool = seq.ResourcePool("room", 1)
    f = flow(task_construct="thread", max_concurrent=4)
    for name in "ab":
        container = f.add_step(name, acquires=[(pool, 1)], loop=[1, 2])
        first = container.add_step("enter", inside.append, (name,))
        container.add_step("leave", inside.append, (name,), require=((first, seq.STEP_SUCCESS),))
    assert f()
    assert inside == ["a"] * 4 + ["b"] * 4


def test_control_steps_cost_no_worker_and_are_not_counted(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db", task_construct="process")
    s0 = f.add_step("s0", loop=range(3))
    s0.add_step("s1").add_step("s2")
    assert f()
    assert f.count_todos() == (0, None)
    assert rows(f.store, "select * from {attempts}") == []


@pytest.mark.parametrize(
    "name",
    ["StepStatus", "RunMode", "StepReplay", "STEP_SUCCESS", "STEP_RERUN", "RUN_RECOVER", "or_", "and_", "ResourcePool"],
)
def test_the_package_re_exports_what_an_author_needs(name: str) -> None:
    assert getattr(seq, name) is getattr(evr, name)
    assert name in seq.__all__


def test_flows_take_the_kernels_arguments(tmp_path: Path) -> None:
    f = seq.Sequent(
        "mine", str(tmp_path / "run.db"), seq.RUN_RESTART, None, "run 1", shared_db=True, logging_level="ERROR",
        config={"task_construct": "invoke"},
    )  # fmt: skip
    f.add_step("a", int)
    assert f()
    assert rows(tmp_path / "run.db", "select run_id, program from {runs}") == [("run 1", "mine")]


def test_steps_take_their_arguments_in_the_documented_order() -> None:
    words = "self name func args kwargs require loop delay concurrent acquires releases recovery config hosts"
    for add_step in (seq.Sequent.add_step, seq.FlowStep.add_step):
        assert (
            " ".join(inspect.signature(add_step).parameters) == f"{words} when setup teardown requires repeat repeats"
        )


def test_a_flow_is_a_context_manager() -> None:
    with flow() as f:
        f.add_step("a", int)
        assert f()
    f.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("depends_on", "step 'a': unknown argument 'depends_on'; did you mean 'require'?"),
        ("concurent", "did you mean 'concurrent'?"),
        ("retries", "it is a key of config: write config={'retries': ...}"),
        ("zzz", "choose one of name, args, kwargs, "),
    ],
)
def test_an_unknown_argument_is_answered_with_the_one_that_was_meant(given: str, said: str) -> None:
    wrong: Any = {given: 3}
    for refuse in (flow().add_step, flow().step):
        with pytest.raises(seq.FlowError) as refused:
            refuse("a", **wrong)
        assert said in str(refused.value).replace("name, func, ", "name, ")
