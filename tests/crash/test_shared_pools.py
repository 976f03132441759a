"""Units of shared pools outlive no engine: whenever one stops, others can take them, and its run takes them again."""

from __future__ import annotations

import random
import signal
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from eventcore.define.status import RunMode, StepStatus
from sequent import ResourcePool, Sequent
from tests.crash.processes import Scripts, eventually
from tests.crash.sabotage import Crash, crash_at, rows, successes
from tests.eventcore.record.places import KINDS, SHARED
from tests.eventcore.record.places import rows as rows_at

CONFIG = {"task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL"}
UNITS = "SELECT * FROM eventcore_units"


def flow_with_all_kinds(store: Path, calls: list[str], name: str = "flow") -> Sequent:
    """A container that holds units, steps that need two kinds, units that one step takes and another one returns."""

    def note(what: str) -> None:
        held = rows(store, "SELECT sum(amount), most FROM eventcore_units JOIN eventcore_pools ON id = pool "
                    "WHERE state = 'held' GROUP BY pool")  # fmt: skip
        assert all(taken <= most for taken, most in held)
        calls.append(what)

    shared, room, own = (ResourcePool("shared", 2, scope="cluster"), ResourcePool("room", 1, scope="host"),
                         ResourcePool("own", 1))  # fmt: skip
    flow = Sequent(name, store, run_id=name, config=CONFIG)
    enter = flow.add_step("enter", note, args=("enter",), acquires=[(room, 1)], releases=[])
    outer = flow.add_step("outer", loop=range(2), concurrent=2, acquires=[(shared, 1)],
                          require=((enter, StepStatus.success),))  # fmt: skip
    outer.add_step("both", note, args=("both",), acquires=[(shared, 1), (own, 1)])
    flow.add_step("leave", note, args=("leave",), require=((outer, StepStatus.success),), releases=[(room, 1)])
    flow.add_step("last", note, args=("last",), require=((outer, StepStatus.success),), acquires=[(room, 1)])
    return flow


def whole(store: Path, calls: list[str]) -> Sequent:
    """Another program, which needs all units of both pools at once."""
    pools = [(ResourcePool("shared", 2, scope="cluster"), 2), (ResourcePool("room", 1, scope="host"), 1)]
    flow = Sequent("whole", store, config=CONFIG)
    flow.add_step("all", calls.append, args=("all",), acquires=pools)
    return flow


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_an_engine_that_stops_at_any_moment_leaves_its_units_to_others(mode: RunMode, tmp_path: Path) -> None:
    for moment in count(1):
        store, calls = tmp_path / f"{mode.value}{moment}.db", list[str]()
        try:
            with crash_at(moment), flow_with_all_kinds(store, calls) as flow:
                assert flow.run()
            break
        except Crash:
            pass
        assert whole(store, calls).run()
        done = successes(store)
        before = len(calls)
        with flow_with_all_kinds(store, calls) as flow:
            assert flow.run(run_mode=mode, run_id="flow")
        assert not {(name, "1") for name in calls[before:]} & done
        assert rows(store, UNITS) == []
    assert moment > 20


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_an_engine_that_stops_again_and_again_comes_to_the_end(mode: RunMode, tmp_path: Path) -> None:
    store, calls = tmp_path / "s.db", list[str]()
    entered: Any = RunMode.restart
    for moment in (3, 5, 8, 13, 12, 9, 7, 6):
        try:
            with crash_at(moment), flow_with_all_kinds(store, calls) as flow:
                flow.run(run_mode=entered, run_id="flow")
        except Crash:
            entered = mode
        assert whole(store, calls).run()
    with flow_with_all_kinds(store, calls) as flow:
        assert flow.run(run_mode=mode, run_id="flow")
    assert rows(store, UNITS) == []


PROGRAM = """\
    import pathlib, sys, time
    import sequent as seq

    folder, store, name, mode = pathlib.Path(sys.argv[1]), *sys.argv[2:]
    licences = seq.ResourcePool("licences", 2, scope="cluster")

    def work():
        time.sleep(0.02)
        with open(folder / "effects", "a") as effects:
            effects.write(f"{name} {seq.current().sequence}\\n")

    flow = seq.Sequent(name, store, run_id=name, config={"console": False, "max_concurrent": 3})
    each = flow.add_step("each", loop=range(8), concurrent=8)
    each.add_step("one", work, acquires=[(licences, 1)])
    each.add_step("two", work, acquires=[(licences, 2)])
    print(flow.run(run_mode=seq.RunMode(mode)))
"""


@pytest.fixture(params=SHARED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no store yet that several programs can use."""
    return KINDS[request.param](tmp_path)


def most_at_once(store: str) -> int:
    """How many units were taken at once, by the times at which the steps began and ended."""
    found = rows_at(store, "SELECT started, ended, step FROM {tasks}")
    times = [(start, end, 1 if step == "each/one" else 2) for start, end, step in found if "/" in step]
    return max(sum(units for a, b, units in times if a <= start < b) for start, _, _ in times)


def test_programs_over_one_store_never_take_more_than_there_is(scripts: Scripts, store: str, tmp_path: Path) -> None:
    script = scripts.write(PROGRAM)
    programs = [scripts.start(script, tmp_path, store, name, "restart") for name in ("a", "b", "c")]
    for program in programs:
        out, err = program.communicate(timeout=600)
        assert out.split() == ["True"], err
    assert most_at_once(store) == 2
    assert rows_at(store, "SELECT * FROM {units}") == []


def test_programs_that_are_killed_keep_no_others_waiting(scripts: Scripts, store: str, tmp_path: Path) -> None:
    script, choice, effects = scripts.write(PROGRAM), random.Random(7), tmp_path / "effects"
    other = scripts.start(script, tmp_path, store, "other", "restart")
    mode = "restart"
    for _life in range(3):
        before = effects.read_text().count("killed") if effects.exists() else 0
        killed = scripts.start(script, tmp_path, store, "killed", mode)
        eventually(
            lambda: killed.poll() is not None or (effects.exists() and effects.read_text().count("killed") > before),  # noqa: B023
            "an effect of the program",
        )
        time.sleep(choice.random() * 0.05)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        mode = choice.choice(["recover", "continue"])
    out, err = other.communicate(timeout=600)
    assert out.split() == ["True"], err
    last = scripts.run(script, tmp_path, store, "killed", "recover")
    assert last.stdout.split() == ["True"], last.stderr
    done = {(step, at) for step, at in rows_at(store, "SELECT step, sequence FROM {tasks} WHERE status = 'success'")}
    assert len(done) >= 17
    assert rows_at(store, "SELECT * FROM {units}") == []
