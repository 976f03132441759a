"""Argo Workflows: a diamond with conditions on statuses, an exit handler, hooks, and fan-out over a parameter."""

from __future__ import annotations

import threading

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER


def diamond(flow: seq.Sequent, work: Flaky) -> None:
    """`d` depends on `b && (c || c.Failed)`; whatever happens, the handler at the end tells the status."""
    a = flow.add_step("a", work, args=("a",))
    b = flow.add_step("b", work, args=("b",), require=((a, OK),))
    c = flow.add_step("c", work, args=("c",), require=((a, OK),))
    flow.add_step("d", work, args=("d",), require=((b, OK), seq.or_((c, OK), (c, FAILED))))
    flow.add_step("celebrate", str, args=("Succeeded",), require=((flow, OK),))
    flow.add_step("cry", str, args=("Failed",), require=((flow, FAILED),))
    flow.add_step("send", str, args=("done",), require=((flow, OVER),))


@pytest.mark.parametrize(
    ("fails", "ok", "runs"),
    [
        ("", True, {"a", "b", "c", "d", "celebrate", "send"}),
        ("c", True, {"a", "b", "c", "d", "celebrate", "send"}),  # the failure of c is asked for
        ("b", False, {"a", "b", "c", "cry", "send"}),
        ("a", False, {"a", "cry", "send"}),
    ],
)
def test_the_exit_handler_runs_last_and_knows_how_the_workflow_ended(fails: str, ok: bool, runs: set[str]) -> None:
    ran = run(diamond, Flaky(fails), stop_on_exception=False)
    assert ran.ok is ok
    assert {one.partition("@")[0] for one in ran.order} == runs
    assert set(ran.order[-2:]) == {"celebrate@1" if ok else "cry@1", "send@1"}


def test_an_exit_handler_that_fails_fails_the_workflow() -> None:
    def build(flow: seq.Sequent) -> None:
        flow.add_step("work", str)
        flow.add_step("send", Flaky(None), require=((flow, OVER),))

    ran = run(build)
    assert not ran.ok
    assert ran.statuses == {"work@1": "success", "send@1": "failure"}


def test_a_hook_runs_when_a_step_starts_and_another_when_it_has_ended() -> None:
    told = threading.Event()

    def train() -> None:
        assert told.wait(60), "the hook runs beside the step"
        raise ValueError("the loss is no number")

    def build(flow: seq.Sequent) -> None:
        training = flow.add_step("train", train)
        flow.add_step("tell", told.set, require=((training, seq.STEP_ACTIVE),))
        flow.add_step("free", str, args=("the node",), require=((training, OVER),))

    ran = run(build, task_construct="thread", max_concurrent=2)
    assert not ran.ok
    assert ran.errors == {"train@1": "ValueError: the loss is no number"}
    assert ran.order == ["train@1", "tell@1", "free@1"]


def test_fan_out_over_a_parameter_that_a_step_has_written_and_all_outputs_as_one_list() -> None:
    def build(flow: seq.Sequent) -> None:
        listed = flow.add_step("list", lambda: [{"name": "debian", "size": 3}, {"name": "alpine", "size": 1}])
        images = flow.add_step("images", loop=listed.result, concurrent=2)
        pulled = images.add_step("pull", lambda name, size: name * size, args=(images.item.name, images.item.size))
        flow.add_step("report", "+".join, args=(images.results(pulled),))

    ran = run(build)
    assert ran.ok
    assert ran.results["report@1"] == "debiandebiandebian+alpine"


def test_a_workflow_repeats_itself_until_the_coin_shows_heads() -> None:
    coins = iter(["tails", "tails", "heads"])

    def build(flow: seq.Sequent) -> None:
        until = seq.until(limit=10)
        tosses = flow.add_step("tosses", loop=until)
        tossed = tosses.add_step("toss", lambda: next(coins))
        until.when(tossed.result == "heads")
        flow.add_step("report", str.upper, args=(tosses.results(tossed)[-1],))

    ran = run(build)
    assert ran.ok
    assert ran.order == ["tosses/toss@1.1", "tosses/toss@1.2", "tosses/toss@1.3", "report@1"]
    assert ran.results["report@1"] == "HEADS"
