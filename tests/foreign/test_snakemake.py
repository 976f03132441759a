"""Snakemake: a checkpoint that decides how many files there are, an aggregation over them, and --keep-going."""

from __future__ import annotations

from pathlib import Path

import sequent as seq
from tests.foreign.runs import run

SAMPLES = {"a": "1 2 3", "b": "4 x", "c": "5"}


def split(folder: Path, sample: str, text: str) -> dict[str, str]:
    """The checkpoint: one file for each word; nobody knows before how many."""
    found = {word: str(folder / f"{sample}-{word}") for word in text.split()}
    for word, name in found.items():
        Path(name).write_text(word)
    return found


def square(name: str) -> int:
    return int(Path(name).read_text()) ** 2


def workflow(flow: seq.Sequent, folder: Path) -> None:
    samples = flow.add_step("samples", loop=SAMPLES)
    clusters = samples.add_step("split", split, args=(folder, samples.key, samples.item))
    cluster = samples.add_step("cluster", loop=clusters.result)
    squared = cluster.add_step("square", square, args=(cluster.item,))
    summed = samples.add_step("sum", lambda parts: sum(parts.values()), args=(cluster.results(squared),))
    flow.add_step("all", dict, args=(samples.results(summed),))


def test_samples_that_do_not_depend_on_a_failure_are_finished_and_the_rest_is_made_next_time(tmp_path: Path) -> None:
    ran = run(workflow, tmp_path, store=tmp_path / "run.db", stop_on_exception=False)
    assert not ran.ok
    assert ran.errors == {"samples/cluster/square@1.b.x": "ValueError: invalid literal for int() with base 10: 'x'"}
    assert (ran.results["samples/sum@1.a"], ran.results["samples/sum@1.c"]) == (14, 25)
    (tmp_path / "b-x").write_text("6")
    ran = run(workflow, tmp_path, store=tmp_path / "run.db", again=True, stop_on_exception=False)
    assert ran.ok
    assert ran.order == ["samples/cluster/square@1.b.x", "samples/sum@1.b", "all@1"]
    assert ran.results["all@1"] == {"a": 14, "b": 52, "c": 25}
