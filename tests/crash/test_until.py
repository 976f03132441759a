"""Engines that die at any moment ask a condition once for each iteration, and begin no iteration too many."""

from itertools import count
from pathlib import Path

import pytest

import sequent as seq
from eventcore.define.status import RunMode
from sequent import Sequent
from tests.crash.sabotage import Crash, crash_at, rows, statuses, successes

CONFIG = {"task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL"}
Calls = list[tuple[str, str, str]]


def a_flow(store: Path, calls: Calls) -> Sequent:
    """A loop in a loop, of which the inner one reaches its limit, and that is handled."""

    def work() -> None:
        view = seq.current()
        calls.append((view.name, view.sequence, view.kernel.part))

    def third() -> bool:
        work()
        return seq.current().key == "3"

    def never() -> bool:
        work()
        return False

    flow = Sequent("flow", store, run_id="r", config=CONFIG)
    outer = flow.add_step("outer", loop=seq.until(third), setup=work, teardown=work)
    inner = outer.add_step("inner", work, loop=seq.until(never, limit=2))
    outer.add_step("mend", work, require=((inner, seq.STEP_FAILURE),))
    flow.add_step("end", work, require=((outer, seq.STEP_SUCCESS),))
    return flow


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_crash_at_any_moment_changes_no_end(mode: RunMode, first: int, tmp_path: Path) -> None:
    assert a_flow(tmp_path / "undisturbed.db", []).run()
    expected = statuses(tmp_path / "undisturbed.db")
    for moment in count(first, 3):
        store, calls = tmp_path / f"{moment}.db", Calls()
        try:
            with crash_at(moment):
                assert a_flow(store, calls).run()
            break
        except Crash:
            done, answered = successes(store), answers(store)
        calls.clear()
        assert a_flow(store, calls).run(run_mode=mode), f"after a crash at {moment}"
        assert statuses(store) == expected, f"after a crash at {moment}"
        assert not [call for call in calls if not call[2] and call[:2] in done], f"after a crash at {moment}"
        assert not [call for call in calls if call[2] == "until" and call[:2] in answered], f"after a crash at {moment}"
    assert moment > 60


def answers(store: Path) -> set[tuple[str, str]]:
    """The instances of conditions that are recorded as a success."""
    query = "SELECT step, sequence FROM eventcore_tasks WHERE status = 'success' AND step LIKE '%#until'"
    return {(step.removesuffix("#until"), sequence) for step, sequence in rows(store, query)}
