"""Random programs of events, steps and associations, run by the real engine and by their model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventcore.decide.turn import Turn
from eventcore.record.store import Store
from tests.model import strategies
from tests.model.kernel import (
    KernelResult,
    ProgramSpec,
    is_stopped,
    settle,
    stopped_run_errors,
)
from tests.model.kernel_order import run_in_order
from tests.property.programs import KernelRun
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


def unordered(result: KernelResult) -> KernelResult:
    return replace(result, order=())


def past(results: Sequence[KernelResult], upto: int) -> list[KernelResult]:
    """History up to a recovery, with the calls of all."""
    return [*results[:upto], replace(results[upto], attempts=results[-1].attempts)]


@given(st.data(), st.sampled_from(("invoke", "thread")))
def test_a_run_and_its_recoveries_end_as_the_model_says_whatever_the_order(
    memory: Store, data: st.DataObject, construct: str
) -> None:
    program = data.draw(strategies.programs())
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory, construct)
    results = [unordered(run.start())]
    assert results[0] == settle(program, outcomes)
    for _ in range(data.draw(st.integers(0, 3))):
        expected = settle(program, outcomes, results)
        results.append(unordered(run.recover()))
        assert results[-1] == expected


@given(st.data())
def test_one_at_a_time_even_the_order_and_what_a_stop_leaves_are_as_the_model_says(
    memory: Store, data: st.DataObject
) -> None:
    program = data.draw(strategies.programs(stop=True, ordered=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory)
    results = [run.start()]
    assert results[0] == run_in_order(program, outcomes)
    for _ in range(data.draw(st.integers(0, 3))):
        results.append(run.recover())
        assert results[-1] == run_in_order(program, outcomes, results[:-1])


@given(st.data())
def test_a_recovery_counts_history_only_up_to_recovery_run(memory: Store, data: st.DataObject) -> None:
    program = data.draw(strategies.programs(stop=True, ordered=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory)
    results = [run.start()]
    for latest in range(3):
        upto = data.draw(st.integers(0, latest))
        results.append(run.recover(recovery_run=upto))
        assert results[-1] == run_in_order(program, outcomes, past(results[:-1], upto))


@given(st.data())
def test_a_run_of_several_at_once_that_stops_keeps_to_what_a_stop_allows(memory: Store, data: st.DataObject) -> None:
    program = data.draw(strategies.programs(stop=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory, "thread")
    history: list[KernelResult] = []
    for recovery in range(data.draw(st.integers(1, 3))):
        expected = settle(program, outcomes, history)
        found = unordered(run.recover() if recovery else run.start())
        if is_stopped(program, expected):
            assert stopped_run_errors(program, outcomes, found, history) == []
        else:
            assert found == expected
        history.append(found)


def _in_passes(run: KernelRun, program: ProgramSpec, passes: Sequence[int]) -> KernelResult:
    found = run.start(passes[0])
    for max_loops in (*passes[1:], -1):
        found = run.go_on(max_loops)
    return found


@given(st.data(), st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_a_run_cut_into_passes_ends_like_one_in_one_go(memory: Store, data: st.DataObject, passes: list[int]) -> None:
    program = data.draw(strategies.programs(delays=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory)
    found = _in_passes(run, program, passes)
    assert unordered(found) == settle(program, outcomes)
    assert run.recorded().outstanding_delays == 0
    expected = settle(program, outcomes, [found])
    assert unordered(run.recover()) == expected


@given(st.data())
def test_quiet_iterations_that_were_let_go_are_read_back(memory: Store, data: st.DataObject) -> None:
    program = data.draw(strategies.programs(stop=True, ordered=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    run = KernelRun(program, outcomes, memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Turn, "QUIET_ITERATIONS", 1)
        first = run.start()
        assert first == run_in_order(program, outcomes)
        assert run.recover() == run_in_order(program, outcomes, [first])


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_store_file_keeps_what_memory_does(tmp_path: Path, data: st.DataObject) -> None:
    program = data.draw(strategies.programs(stop=True, ordered=True))
    outcomes = data.draw(strategies.program_outcomes(program))
    with store_at(str(tmp_path / "runs.db")) as store:
        run = KernelRun(program, outcomes, store)
        first = run.start()
        assert first == run_in_order(program, outcomes)
        assert run.recover() == run_in_order(program, outcomes, [first])
