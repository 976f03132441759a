"""The small examples do what their first paragraphs say."""

from __future__ import annotations

from itertools import accumulate

from tests.examples.support import RunExample, messages


def test_the_nightly_load_survives_a_dropped_line_and_bad_data(run_example: RunExample) -> None:
    done = run_example("nightly.py")
    said = messages(done.stderr)
    assert done.returncode == 0
    assert said.count("[ Step regions/fetch/1.south ] Trying to run") == 2
    assert "[ Step regions/fetch/1.south ] Completed, status: TaskStatus.success" in said
    assert "[ Step regions/load/1.west ] Completed, status: TaskStatus.failure" in said
    assert [line for line in said if "put_aside" in line] == [
        "[ Step regions/put_aside/1.west ] Trying to run",
        "[ Step regions/put_aside/1.west ] Completed, status: TaskStatus.success",
    ]
    assert "put aside: oops" in said
    assert "published the orders of north, south, west" in said


def test_no_more_licences_are_held_than_there_are(run_example: RunExample) -> None:
    said = messages(run_example("nightly.py").stderr)
    held = list(accumulate({"takes a licence": 1, "gives it back": -1}.get(line, 0) for line in said))
    assert max(held) <= 2
    assert held[-1] == 0
    assert said.count("takes a licence") == 3


def test_the_raw_loop_fetches_every_page_once_and_ends(run_example: RunExample) -> None:
    done = run_example("raw_loop.py")
    assert done.returncode == 0
    assert [line for line in messages(done.stderr) if "Step" not in line][1:] == [
        "page 1: ash, birch",
        "page 2: elm",
        "page 3: fir, larch, oak",
        "that was all",
        "Processing finished with: success; outstanding tasks: 0",
    ]
