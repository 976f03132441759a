"""BPMN (Camunda): a quorum of voters, a message or a timer, and a reminder before an escalation."""

from __future__ import annotations

import pytest

import sequent as seq
from tests.foreign.runs import in_order, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER
DAY = 86400


def agree(vote: bool) -> None:
    if not vote:
        raise ValueError("not in favour")


def voting(flow: seq.Sequent) -> None:
    """One task for each voter; two of three decide."""
    voters = flow.add_step("voters", loop={"ann": 1, "bob": 2, "eve": 3}, concurrent=3,
                           config={"allow_failure": True, "stop_on_exception": False})  # fmt: skip
    vote = voters.add_wait("vote", timeout=7 * DAY, default=False)
    voters.add_step("agree", agree, args=(vote.result,))
    flow.add_step("accept", str, require=seq.at_least(2, voters, OK))
    flow.add_step("reject", str, require=seq.at_least(2, voters, FAILED))


@pytest.mark.parametrize(
    ("votes", "decision", "before"),
    [
        ({"ann": True, "eve": True}, "accept", "bob"),
        ({"bob": False, "eve": False}, "reject", "ann"),
        ({}, "reject", ""),
    ],
)
def test_a_quorum_decides_before_all_have_voted(votes: dict[str, bool], decision: str, before: str) -> None:
    ran = run(voting, answers={f"voters/vote@1.{name}": vote for name, vote in votes.items()})
    assert ran.ok
    assert {"accept@1", "reject@1"} & set(ran.order) == {f"{decision}@1"}
    assert not before or in_order(ran, f"{decision}@1", f"voters/agree@1.{before}")


def reminding(flow: seq.Sequent) -> None:
    """A task with a timer: after a day somebody is reminded, after another one the case goes to the boss."""
    asked = flow.add_wait("asked", timeout=DAY, default=None)
    reminded = flow.add_step("remind", str, when=asked.result == None)  # noqa: E711
    again = flow.add_wait("asked again", timeout=DAY, default=None, require=((reminded, OK),))
    flow.add_step("escalate", str, when=again.result == None)  # noqa: E711
    flow.add_step("archive", lambda *found: [one for one in found if one], args=(asked.result, again.result),
                  require=((asked, OVER), (again, OVER)))  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "runs", "archived"),
    [
        ({"asked": "done"}, {"archive@1"}, ["done"]),
        ({}, {"remind@1", "escalate@1", "archive@1"}, []),
    ],
)
def test_a_timer_goes_another_way(answers: dict[str, str], runs: set[str], archived: list[str]) -> None:
    ran = run(reminding, answers=answers)
    assert ran.ok
    assert set(ran.order) - {"asked@1", "asked again@1"} == runs
    assert ran.results["archive@1"] == archived


@pytest.mark.parametrize(
    ("said", "runs"), [({"kind": "paid"}, "ship@1"), ({"kind": "cancelled"}, "forget@1"), (None, "dun@1")]
)
def test_whichever_event_comes_first_decides(said: dict[str, str] | None, runs: str) -> None:
    def build(flow: seq.Sequent) -> None:
        event = flow.add_wait("event", timeout=30 * DAY, default={"kind": "none"})
        flow.add_step("ship", str, when=event.result.kind == "paid")
        flow.add_step("forget", str, when=event.result.kind == "cancelled")
        flow.add_step("dun", str, when=event.result.kind == "none")

    ran = run(build, answers={} if said is None else {"event": said})
    assert ran.ok
    assert [one for one in ran.order if one != "event@1"] == [runs]
