"""Reruns that are asked for from Python, of live runs and of stopped ones, on a store of either kind."""

from __future__ import annotations

from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.errors import ConfigError, ProgramError
from tests.eventcore.gates import Gate, outcome, refused, running
from tests.support import eventor, flow, rows, start


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that others can open, and one that only this process has."""
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


def test_a_rerun_of_a_stopped_run_is_carried_out_at_once(store: str) -> None:
    ran: list[str] = []
    program = flow(store)
    a = program.add_step("a", ran.append, args=("a",))
    program.add_step("b", ran.append, args=("b",), require=((a, seq.STEP_SUCCESS),))
    program.run()
    assert outcome(program.rerun("a")) == ("done", None)
    assert ran == ["a", "b", "a"]
    assert program.rerun("a", 1, "downstream").is_done
    assert ran == ["a", "b", "a", "a", "b"]
    assert refused(program.rerun("c")) == "the program has no step 'c'; it has a, b"
    assert refused(program.rerun("a", 7)) == "the run has no instance of a@7 to run again; it has a@1"
    with pytest.raises(ConfigError, match="unknown extent 'all'; choose one of also, downstream, only"):
        program.rerun("a", extent="all")  # type: ignore[arg-type]


def test_a_rerun_of_a_program_that_cannot_be_built_raises_though_there_was_one_before(store: str) -> None:
    program = flow(store)
    a = program.add_step("a", int)
    program.run()
    assert program.rerun("a").is_done
    program.add_step("b", int, require=((a, seq.STEP_SUCCESS), ("nowhere", seq.STEP_SUCCESS)))
    with pytest.raises(ProgramError, match="nowhere"):
        program.rerun("a")


def test_a_rerun_of_a_raw_step_takes_no_step_along_whose_name_begins_alike(store: str) -> None:
    ran = list[str]()
    program = eventor(store)
    start(program, *(program.add_step(name, ran.append, (name,)) for name in ("load", "load/more", "load#2")))
    assert program.run()
    ran.clear()
    assert outcome(program.rerun("load")) == ("done", None)
    assert ran == ["load"]


def test_a_rerun_of_a_live_run_is_taken_and_a_wrong_one_does_not_hurt_the_run(store: str) -> None:
    gate, ran = Gate(), list[str]()
    program = flow(store, task_construct="thread")
    a = program.add_step("a", ran.append, args=("a",))
    program.add_step("b", gate.wait, require=((a, seq.STEP_SUCCESS),))
    with running(program, gate) as verdict:
        right, wrong = program.rerun("a", 1), program.rerun("a", 7)
        assert outcome(right) == ("taken", "its engine will do it when the run ends")
        assert wrong.status is evr.RequestStatus.taken
        assert refused(program.rerun("c")) == "the program has no step 'c'; it has a, b"
    assert verdict == [True]
    assert ran == ["a", "a"]
    assert right.request is not None
    assert wrong.request is not None
    assert program._answer(right.request).is_done
    assert "no instance of a@7" in refused(program._answer(wrong.request))


def test_a_rerun_that_its_recovery_does_not_come_to_is_refused(store: str) -> None:
    fails: list[str] = []

    def first() -> None:
        if fails:
            raise ValueError("broken by now")

    program = flow(store)
    box = program.add_step("box", first, recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})
    program.add_step("last", str, require=((box, seq.STEP_SUCCESS),))
    program.run()
    fails.append("from now on")
    assert refused(program.rerun("last")) == "recovery 1 ended with failure before it reached last"


def test_a_rerun_that_waits_when_the_run_is_recovered_is_carried_out_after_it(tmp_path: Path) -> None:
    store, ran = tmp_path / "s.db", list[str]()
    program = flow(store)
    program.add_step("a", ran.append, args=("a",))
    program.run()
    answer = evr.steer(store).rerun("a")
    assert answer.status is evr.RequestStatus.taken
    flow_again = flow(store, seq.RUN_RECOVER)
    flow_again.add_step("a", ran.append, args=("a",))
    assert flow_again.run()
    assert ran == ["a", "a"]
    assert rows(store, "select status from eventcore_requests") == [("done",)]
