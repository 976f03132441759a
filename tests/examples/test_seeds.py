"""The programs of the first Eventor's and Sequent's documents run as written and say what they said."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.examples.support import RunExample, messages

END = "Processing finished with: success; outstanding tasks: 0"


def step(name: str, sequence: str, *said: str, status: str = "success") -> list[str]:
    """The lines of one step."""
    label = f"[ Step {name}/{sequence} ]"
    return [f"{label} Trying to run", *said, f"{label} Completed, status: TaskStatus.{status}"]


def doing(program: str) -> str:
    return f"doing what {program} is doing"


@pytest.mark.parametrize("program", ["seed_simple.py", "seed_older.py"])
def test_simple_programs_run_their_steps_in_order_and_leave_no_store(
    program: str, run_example: RunExample, tmp_path: Path
) -> None:
    done = run_example(program)
    assert done.returncode == 0
    assert messages(done.stderr) == [
        "Eventor store file: :memory:",
        *step("s1", "1", doing("prog1")),
        *step("s2", "1", doing("prog2")),
        *step("s3", "1", doing("prog3")),
        END,
    ]
    assert [file.name for file in tmp_path.iterdir() if file.name != "__pycache__"] == [program]


def test_recovery_goes_on_at_the_step_that_failed(run_example: RunExample, tmp_path: Path) -> None:
    done = run_example("seed_recovery.py")
    assert done.returncode == 0
    store = f"Eventor store file: {tmp_path / 'seed_recovery.run.db'}"
    assert messages(done.stderr) == [
        store,
        *step("s1", "3", "Square of 3 is 9"),
        *step("s2", "3", status="failure"),
        "Exception in step s2/3, try 1: ValueError: math domain error",
        "Not reached: run_step3@3 (still missing: done_step2)",
        "Processing finished with: failure; outstanding tasks: 0",
        store,
        *step("s2", "3", "Square root of 9 is 3.0"),
        *step("s3", "3", "dividing 9 by 3 is 3.0"),
        END,
    ]
    assert "in square_root" in done.stderr  # the traceback is the user's


def test_delays_are_served_by_the_run_that_is_there_when_they_are_due(run_example: RunExample, tmp_path: Path) -> None:
    done = run_example("seed_delay.py")
    assert done.returncode == 0
    start = f"Eventor store file: {tmp_path / 'seed_delay.run.db'}"
    runs: list[list[str]] = []
    for line in messages(done.stderr):
        if line == start:
            runs.append([])
        else:
            runs[-1].append(line)
    idle = ["Processing finished with: success; outstanding tasks: 1"]  # how many of these come depends on the machine

    def ran(number: int, end: str) -> list[str]:
        return [*step(f"s{number}", "1", doing(f"prog{number}"), "EVENTOR_STEP_SEQUENCE: 1"), end]

    assert [run for run in runs if run != idle] == [ran(1, idle[0]), ran(2, idle[0]), ran(3, END)]
    assert runs[0] != idle
    assert runs[-1] != idle


def test_steps_wait_for_resources_and_take_them_in_the_order_of_asking(run_example: RunExample) -> None:
    done = run_example("seed_resources.py")
    assert done.returncode == 0
    said = messages(done.stderr)
    assert said[-1] == END
    assert sorted(line for line in said if line.endswith(" ends")) == [f"prog{n} ends" for n in (1, 2, 3, 4)]
    tried = [found[1] for line in said if (found := re.match(r"\[ Step s0\.s00\.(s\d)/1 \] Trying", line))]
    assert tried == ["s1", "s2", "s4", "s3"]  # s3 wants both units of RP2, which s1 and s2 hold
    assert said.index("prog1 ends") < said.index("prog3 starts")
    assert said.index("prog2 ends") < said.index("prog3 starts")


def test_a_nested_flow_without_main_guard_walks_its_loops_in_order(run_example: RunExample) -> None:
    done = run_example("seed_sequent.py")
    assert done.returncode == 0
    said = messages(done.stderr)
    programs = [line for line in said if line.startswith("doing what")]
    assert programs == 2 * [*2 * [doing("prog1"), doing("prog2")], doing("prog3")]
    tried = [found[1] for line in said if (found := re.match(r"\[ Step (\S+) \] Trying", line))]
    assert tried == [
        path
        for outer in (1, 2)
        for path in (
            *(f"s0/s00/s{s}/1.{outer}.{inner}" for inner, s in itertools.product((1, 2), (1, 2))),
            f"s0/s3/1.{outer}",
        )
    ]
    assert said[-1] == END
