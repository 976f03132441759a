"""Engines that die at any moment leave no container set up that a later one does not tear down."""

from itertools import count
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.define.status import RunMode, StepStatus, TaskStatus
from sequent import Sequent
from tests.crash.sabotage import Crash, crash_at, rows, statuses, successes

CONFIG = {"task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL"}
Call = tuple[str, str, str]  #: the step's path, its sequence, and what part of it: setup, teardown or empty
Calls = list[Call]


def a_flow(store: Path, calls: Calls) -> Sequent:
    """A container in a container, both set up and torn down, a failure that is handled, and one step behind all."""

    def work() -> None:
        view = evr.current()
        calls.append((view.name, view.sequence, view.part))

    def fails() -> None:
        work()
        raise ValueError

    flow = Sequent("flow", store, run_id="r", config=CONFIG)
    outer = flow.add_step("outer", loop=["a", "b"], setup=work, teardown=work, concurrent=2)
    first = outer.add_step("first", work)
    inner = outer.add_step("inner", setup=work, teardown=work, require=((first, StepStatus.success),))
    broken = inner.add_step("broken", fails)
    inner.add_step("mend", work, require=((broken, StepStatus.failure),))
    bare = flow.add_step("bare", work, loop=range(2), teardown=work)
    flow.add_step("end", work, require=((outer, StepStatus.success), (bare, StepStatus.success)))
    return flow


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
@pytest.mark.parametrize("first", [1, 2])
def test_a_crash_at_any_moment_leaves_everything_torn_down_in_the_end(
    mode: RunMode, first: int, tmp_path: Path
) -> None:
    whole = Calls()
    assert a_flow(tmp_path / "undisturbed.db", whole).run()
    expected = statuses(tmp_path / "undisturbed.db")
    assert is_in_order(whole)
    for moment in count(first, 2):
        store, calls, before = tmp_path / f"{moment}.db", Calls(), Calls()
        try:
            with crash_at(moment):
                assert a_flow(store, before).run()
            break
        except Crash:
            done, around = successes(store), recorded_around(store)
        assert a_flow(store, calls).run(run_mode=mode), f"after a crash at {moment}"
        assert statuses(store) == expected, f"after a crash at {moment}"
        assert not [call for call in calls if not call[2] and call[:2] in done], f"after a crash at {moment}"
        assert is_in_order(before + calls), f"after a crash at {moment}"
        if mode is RunMode.continue_:
            assert not [call for call in calls if call in around], f"after a crash at {moment}"
        else:
            assert is_set_up_anew(calls), f"after a crash at {moment}"
    assert moment > 40


def recorded_around(store: Path) -> set[Call]:
    """The setups and teardowns that are recorded as a success."""
    query = "SELECT step, sequence FROM eventcore_tasks WHERE status = ?"
    named = [(*step.partition("#"), at) for step, at in rows(store, query, TaskStatus.success.value)]
    return {(path, at, part) for path, _, part, at in named if part in ("setup", "teardown")}


def is_in_order(calls: Calls) -> bool:
    """Whether whatever was called in a container comes behind its setup and before its last teardown."""
    return all(
        (not has_setup or (path, at, "setup") in calls[:place]) and (path, at, "teardown") in calls[place:]
        for place, call in enumerate(calls)
        for path, at, has_setup in containers_around(call)
    )


def is_set_up_anew(calls: Calls) -> bool:
    """Whether each container in which something was called was set up by the same engine."""
    return all(
        (path, at, "setup") in calls[:place]
        for place, call in enumerate(calls)
        if call[2] != "teardown"
        for path, at, has_setup in containers_around(call)
        if has_setup
    )


def containers_around(call: Call) -> list[tuple[str, str, bool]]:
    """Those that must be set up for the call, each with its sequence and whether it has a setup."""
    path, at, part = call
    if path == "bare":
        return [] if part else [("bare", "1", False)]
    if not path.startswith("outer/"):
        return []
    inner = [("outer/inner", at.rpartition(".")[0], True)] if path.startswith("outer/inner/") else []
    return [("outer", "1", True), *inner]


TURNS = (RunMode.continue_, RunMode.continue_, RunMode.recover)  #: the latter sets up again, so it needs more moments


@pytest.mark.parametrize(("moments", "modes"), [(8, TURNS[:1]), (13, TURNS[:1]), (23, TURNS), (31, TURNS)])
def test_engines_that_all_die_young_tear_everything_down_in_the_end(
    moments: int, modes: tuple[RunMode, ...], tmp_path: Path
) -> None:
    store, calls = tmp_path / "s.db", Calls()
    assert a_flow(tmp_path / "undisturbed.db", []).run()
    for life in range(60):
        try:
            with crash_at(moments):
                assert a_flow(store, calls).run(run_mode=modes[life % len(modes)] if life else RunMode.restart)
            break
        except Crash:
            pass
    else:
        pytest.fail("no engine came further than the one before it")
    assert statuses(store) == statuses(tmp_path / "undisturbed.db")
    assert is_in_order(calls)
