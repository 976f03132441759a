"""Nextflow: samples through a chain of processes, more memory for each retry, and failures that are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sequent as seq
from tests.foreign.runs import run

NEEDED = {"s1": 2, "s2": 5, "s3": 99}  # gigabytes


def align(needed: int) -> int:
    """Get twice as much memory with each try, and fail if that is not enough."""
    memory: int = 2 ** seq.current().try_number
    if memory < needed:
        raise MemoryError(f"exit status 137 with {memory} GB")
    return memory


def workflow(flow: seq.Sequent) -> None:
    """Each sample goes on as soon as it can; the report gets what has come through."""
    samples = flow.add_step("samples", loop=NEEDED, concurrent=3)
    aligned = samples.add_step("align", align, args=(samples.item,), config={"retries": 2, "allow_failure": True})
    counted = samples.add_step("count", "{}: {}".format, args=(samples.key, aligned.result))
    flow.add_step("multiqc", lambda counts: sorted(filter(None, counts.values())), args=(samples.results(counted),))


def test_a_retry_gets_more_memory_and_what_never_succeeds_is_ignored() -> None:
    ran = run(workflow, max_concurrent=3)
    assert ran.ok
    assert [one for one in ran.order if "s3" in one] == ["samples/align@1.s3"] * 3
    assert ran.errors == {"samples/align@1.s3": "MemoryError: exit status 137 with 8 GB"}
    assert "samples/count@1.s3" not in ran.statuses
    assert ran.results["multiqc@1"] == ["s1: 2", "s2: 8"]


def test_the_strategy_to_finish_lets_running_tasks_end_and_starts_no_more() -> None:
    def build(flow: seq.Sequent) -> None:
        samples = flow.add_step("samples", loop=dict.fromkeys("abcd", 1) | {"b": 99})
        samples.add_step("align", align, args=(samples.item,))

    ran = run(build)
    assert not ran.ok
    assert ran.order == ["samples/align@1.a", "samples/align@1.b"]


class Inbox:
    """Files as they come in; the line drops in between."""

    def __init__(self) -> None:
        self.files = ["a", "bb", "ccc"]
        self.drops = True

    def watch(self, recorded: int) -> Iterator[str]:
        for file in self.files[recorded:]:
            if file == "ccc" and self.drops:
                raise ConnectionError("the line dropped")
            yield file


def test_a_path_is_watched_and_a_resumed_run_begins_behind_the_last_file(tmp_path: Path) -> None:
    inbox = Inbox()

    def build(flow: seq.Sequent) -> None:
        files = flow.add_step("files", loop=seq.stream(inbox.watch))
        sized = files.add_step("size", len, args=(files.item,))
        flow.add_step("total", sum, args=(files.results(sized),))

    ran = run(build, store=tmp_path / "run.db")
    assert not ran.ok
    assert ran.order == ["files/size@1.1", "files/size@1.2"]
    inbox.drops = False
    ran = run(build, store=tmp_path / "run.db", again=True)
    assert ran.ok
    assert ran.order == ["files/size@1.3", "total@1"]
    assert ran.results["total@1"] == 6
