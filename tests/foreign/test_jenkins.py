"""Jenkins: what is posted by outcome, parallel stages, an input with a timeout, and a build that is unstable."""

from __future__ import annotations

import threading

import pytest

import sequent as seq
from eventcore.define.status import Verdict
from tests.foreign.runs import Flaky, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER


def pipeline(flow: seq.Sequent, work: Flaky) -> None:
    """Two stages side by side, then somebody has to agree; each outcome has a step at the end."""
    stages = flow.add_step("stages")
    stages.add_step("linux", work, args=("linux",))
    lint = stages.add_step("lint", work, args=("lint",), config={"allow_failure": True})
    stages.add_step("mark unstable", str, require=((lint, FAILED),))
    agreed = flow.add_wait("agreed", timeout=3600, require=((stages, OK),))
    flow.add_step("release", str, args=(agreed.result,))
    for outcome, status in {"success": OK, "failure": FAILED, "always": OVER}.items():
        flow.add_step(outcome, str, require=((flow, status),))


@pytest.mark.parametrize(
    ("fails", "answer", "ok", "runs"),
    [
        ("", "alice", True, {"linux", "lint", "release", "success", "always"}),
        ("lint", "alice", True, {"linux", "lint", "mark unstable", "release", "success", "always"}),
        ("linux", None, False, {"linux", "lint", "failure", "always"}),
        ("", None, False, {"linux", "lint", "failure", "always"}),
    ],
)
def test_what_is_posted_goes_by_the_outcome(fails: str, answer: str | None, ok: bool, runs: set[str]) -> None:
    answers = {} if answer is None else {"agreed": answer}
    ran = run(pipeline, Flaky(fails), answers=answers, task_construct="thread", max_concurrent=2)
    assert ran.ok is ok
    assert {one.partition("@")[0].rpartition("/")[2] for one in ran.order} - {"agreed"} == runs
    if not ok and not fails:
        assert ran.errors == {"agreed@1": "timed out: nobody sent its signal in time"}


def test_an_aborted_build_still_posts_what_is_always_posted() -> None:
    """Somebody aborts while the build waits for the agreement."""
    waits = threading.Event()
    config = {"task_construct": "thread", "logging_level": "CRITICAL"}
    with seq.Sequent("build", ":memory:", config=config) as flow:
        pipeline(flow, Flaky())
        flow.add_step("look", waits.set, require=((flow.children["agreed"], seq.STEP_ACTIVE),))
        somebody = threading.Thread(target=lambda: waits.wait(60) and flow.cancel())
        somebody.start()
        assert not flow.run()
        somebody.join()
        assert flow.verdict is Verdict.cancelled
        statuses = {task.path: task.status for task in flow.tasks()}
    assert statuses["always"] is seq.TaskStatus.success
    assert not {"success", "failure", "release"} & set(statuses)


@pytest.mark.parametrize(("fails", "tries", "ok"), [(0, 1, True), (2, 3, True), (3, 3, False)])
def test_a_block_is_tried_again_as_a_whole(fails: int, tries: int, ok: bool) -> None:
    """Both steps are repeated, though only the second fails."""

    def build(flow: seq.Sequent) -> None:
        done = seq.until(limit=3)
        retry = flow.add_step("retry", loop=done)
        block = retry.add_step("block", config={"allow_failure": True})
        fetched = block.add_step("fetch", int, args=(retry.key,))
        checked = block.add_step("check", Flaky(*range(1, fails + 1)), args=(fetched.result,))
        passed = retry.add_step("passed", lambda found: found is not None, args=(block.results(checked),),
                                require=((block, OVER),))  # fmt: skip
        done.when(passed.result)
        flow.add_step("deploy", str, require=((retry, OK),))

    ran = run(build)
    assert ran.ok is ok
    assert [one for one in ran.order if "fetch" in one] == [f"retry/block/fetch@1.{n}.1" for n in range(1, tries + 1)]
    assert ("deploy@1" in ran.order) is ok
