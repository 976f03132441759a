"""HTCondor DAGMan: scripts before and after a job, a final node, rescue DAGs, categories and priorities."""

from __future__ import annotations

from pathlib import Path

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run

OK, OVER, COMPLETE = seq.STEP_SUCCESS, seq.STEP_OVER, seq.STEP_COMPLETE


def node(flow: seq.Sequent | seq.FlowStep, name: str, work: Flaky) -> seq.FlowStep:
    """A node whose script before must succeed, and whose script after decides how it ended."""
    box = flow.add_step(name)
    pre = box.add_step("pre", work, args=(f"{name} pre",))
    job = box.add_step("job", work, args=(f"{name} job",), require=((pre, OK),))
    box.add_step("post", work, args=(f"{name} post",), require=((job, COMPLETE),))
    return box


@pytest.mark.parametrize(
    ("fails", "ok", "runs"),
    [
        ("", True, ["pre", "job", "post"]),
        ("a pre", False, ["pre"]),
        ("a job", True, ["pre", "job", "post"]),
        ("a post", False, ["pre", "job", "post"]),
    ],
)
def test_the_script_after_a_job_decides_and_is_left_out_where_the_one_before_fails(
    fails: str, ok: bool, runs: list[str]
) -> None:
    ran = run(lambda flow: node(flow, "a", Flaky(fails)))
    assert ran.ok is ok
    assert ran.order == [f"a/{one}@1.1" for one in runs]


def diamond(flow: seq.Sequent, work: Flaky, final: seq.StepStatus) -> None:
    """Four nodes, at most one of the category in the middle at a time, and a final node."""
    fitting = seq.ResourcePool("fitting", 1)
    dag = flow.add_step("dag", config={"stop_on_exception": False})
    a = dag.add_step("a", work, args=("a",))
    b = dag.add_step("b", work, args=("b",), require=((a, OK),), acquires=[(fitting, 1)])
    c = dag.add_step("c", work, args=("c",), require=((a, OK),), acquires=[(fitting, 1)], config={"priority": 5})
    dag.add_step("d", work, args=("d",), require=((b, OK), (c, OK)))
    flow.add_step("final", work, args=("final",), require=((dag, final),))


def test_a_rescue_does_what_was_not_done(tmp_path: Path) -> None:
    work = Flaky("b")
    ran = run(diamond, work, OVER, store=tmp_path / "run.db")
    assert (ran.ok, ran.order) == (False, ["dag/a@1.1", "dag/c@1.1", "dag/b@1.1", "final@1"])
    work.mend()
    ran = run(diamond, work, OVER, store=tmp_path / "run.db", again=True)
    assert ran.ok
    assert in_order(ran, "dag/b@1.1", "dag/d@1.1")
    assert "dag/a@1.1" not in ran.order


def test_a_final_node_that_requires_complete_decides_alone_how_it_all_ended() -> None:
    assert run(diamond, Flaky("b"), COMPLETE).ok
    assert not run(diamond, Flaky("final"), COMPLETE).ok
    assert not run(diamond, Flaky("b"), OVER).ok
