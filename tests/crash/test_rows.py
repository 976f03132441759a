"""A process killed before or after any commit or dispatch leaves rows from which the run comes to the same end."""

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.status import RunMode
from sequent import ResourcePool, Sequent, StepStatus, or_
from tests.crash.sabotage import Instance, crash_at, rows, statuses, successes

CONFIG = {
    "task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL", "retries": 1,
    "retry_delay": [5, 60], "stop_on_exception": False,
}  # fmt: skip


class Effects:
    """What the steps did, kept in a file that outlives them."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def note(self) -> Instance:
        here = seq.current().name, seq.current().sequence
        with self.file.open("a") as file:
            file.write(" ".join(here) + "\n")
        return here

    def all(self) -> list[Instance]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(name, sequence) for name, _, sequence in (line.partition(" ") for line in lines)]

    def step(self, returns: Any = None) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            self.note()
            return returns(*args) if callable(returns) else returns

        return step

    def failing(self, at: tuple[str, ...], tries: int) -> Callable[..., None]:
        """A step that fails at some sequences, in its first so many tries."""

        def step(*_: Any) -> None:
            name, sequence = self.note()
            failed = len(rows(Path(os.environ["CRASH_STORE"]), FAILURES, name, sequence))
            if sequence in at and failed < tries:
                raise ValueError(sequence)

        return step


FAILURES = "SELECT 1 FROM eventcore_attempts WHERE step = ? AND sequence = ? AND status = 'failure'"


def built(store: Path, effects: Effects) -> Sequent:
    """Loops of every kind within each other, a delay, tries, units, a failure that is handled and one that is not."""
    flow = Sequent("rows", store, run_id="r", config=CONFIG)
    flow.use_clock(VirtualClock())
    seats = ResourcePool("seats", 1)
    days = flow.add_step("days", loop={"mon": 1, "tue": 2, "sun": 0}, concurrent=2)
    files = days.add_step("files", effects.step(lambda day: {f"f{n}": n for n in range(day)}), args=(days.item,))
    each = days.add_step("each", loop=files.result, concurrent=2, require=((files, StepStatus.success),))
    load = each.add_step("load", effects.step(lambda n: [n]), args=(each.item,), acquires=((seats, 1),))
    parts = each.add_step("parts", loop=load.result, require=((load, StepStatus.success),), acquires=((seats, 1),))
    parts.add_step("part", effects.step(), args=(parts.item,))
    flaky = days.add_step("flaky", effects.failing(("1.mon",), 1), acquires=((seats, 1),))
    days.add_step("late", effects.step(), args=(files.result,), require=((flaky, StepStatus.success),), delay=100)
    bad = flow.add_step("bad", effects.failing(("1",), 99))
    flow.add_step("mend", effects.step(), require=((bad, StepStatus.failure),))
    turns = flow.add_step("turns", effects.step(), loop=lambda: range(3), concurrent=2)
    both = or_((days, StepStatus.success), (bad, StepStatus.success))
    flow.add_step("report", effects.step(), require=(both, (turns, StepStatus.complete)))
    return flow


QUERIES: Mapping[str, str] = {
    "iterations": "SELECT scope, sequence, number, status, halted, clean FROM eventcore_iterations ORDER BY recovery",
    "loops": "SELECT step, sequence, items, begun, over, failed, cancelled, broken, clean FROM eventcore_loops "
             "ORDER BY recovery",
    "items": 'SELECT step, sequence, first, size, "keys", "values" FROM eventcore_items ORDER BY recovery',
    "results": "SELECT step, sequence, value FROM eventcore_results ORDER BY recovery",
    "failures": "SELECT step, sequence, count(*) FROM eventcore_attempts WHERE status = 'failure' AND recovery = 0 "
                "GROUP BY 1, 2",
}  # fmt: skip


def latest(store: Path, table: str) -> dict[Instance, Any]:
    """The rows of a table, the latest of each."""
    return {(name, at): rest for name, at, *rest in rows(store, QUERIES[table])}


def left(store: Path) -> dict[str, Any]:
    """Everything that must not depend on where a process was killed."""
    return {"statuses": statuses(store)} | {table: latest(store, table) for table in QUERIES}


def lives(store: Path, effects: Effects, mode: RunMode, moment: int) -> bool | None:
    """The run's answer; None where its process was killed at the moment."""
    os.environ["CRASH_STORE"] = str(store)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with crash_at(moment, lambda: os._exit(9)):
                code = 0 if built(store, effects).run(run_mode=mode) else 2
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 2, 9)
    return None if code == 9 else code == 0


NEVER = 1_000_000


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How the flow stands when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    effects = Effects(folder / "effects")
    assert lives(folder / "s.db", effects, RunMode.restart, NEVER) is True
    found = left(folder / "s.db")
    assert sorted(found["failures"]) == [("bad", "1"), ("days/flaky", "1.mon")]
    assert len(found["iterations"]) == 12
    return found


def differences(found: dict[str, Any], expected: dict[str, Any], mode: RunMode) -> dict[str, Any]:
    """The rows that are not as they should be; a recovery counts failures of its own."""
    return {
        table: (found[table], expected[table])
        for table in expected
        if found[table] != expected[table] and not (table == "failures" and mode is RunMode.recover)
    }


@pytest.mark.parametrize("mode", [RunMode.continue_, RunMode.recover])
@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_a_process_killed_at_any_moment_changes_no_row(
    mode: RunMode, first: int, expected: dict[str, Any], tmp_path: Path
) -> None:
    for moment in count(first, 4):
        store, effects = tmp_path / f"{moment}.db", Effects(tmp_path / f"{moment}")
        if lives(store, effects, RunMode.restart, moment) is not None:
            break
        done, before = successes(store) if store.exists() else set(), len(effects.all())
        assert lives(store, effects, mode, NEVER) is True, f"after a crash at {moment}"
        assert not done.intersection(effects.all()[before:]), f"after a crash at {moment}"
        assert not differences(left(store), expected, mode), f"after a crash at {moment}"
    assert moment > 100


@pytest.mark.parametrize(("modes", "moments"), [("c", 7), ("c", 12), ("crcc", 31), ("rc", 45)])
def test_processes_that_are_killed_again_and_again_change_no_row(
    modes: str, moments: int, expected: dict[str, Any], tmp_path: Path
) -> None:
    store, effects = tmp_path / "s.db", Effects(tmp_path / "effects")
    mode, done, before = RunMode.restart, set[Instance](), 0
    for life in range(60):
        ended = lives(store, effects, mode, moments + life)
        assert not done.intersection(effects.all()[before:])
        if ended is not None:
            break
        done, before = successes(store), len(effects.all())
        mode = RunMode.continue_ if modes[life % len(modes)] == "c" else RunMode.recover
    assert ended is True
    assert not differences(left(store), expected, RunMode.recover if "r" in modes else RunMode.continue_)
