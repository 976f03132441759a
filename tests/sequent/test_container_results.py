"""Results of the steps of a container, from outside and of the iterations so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import sequent as seq
from sequent.errors import LoopError
from tests.support import boom, flow


def test_from_outside_it_is_a_list_or_a_mapping_nested_as_the_loops_are() -> None:
    made = flow()
    days = made.add_step("days", loop={"mon": 10, "tue": 20})
    box = days.add_step("box")
    parts = box.add_step("parts", loop=[1, 2, 3])
    load = parts.add_step("load", lambda day, part: day + part, args=(days.item, parts.item))
    square = box.add_step("square", lambda: seq.current().item ** 2, loop={"a": 1, "b": 2})
    single = days.add_step("single", lambda: 7)
    takes = made.add_step("takes", lambda *got: got, args=(
        days.results(load), days.results(square), days.results(single), days.results(load)["tue"][0],
    ))  # fmt: skip
    outer = days.add_step("near", lambda *got: got, args=(box.results(load),))
    empty = made.add_step("empty", loop=[])
    none = made.add_step("none", lambda got: got, args=(empty.results(empty.add_step("inside", print)),))
    assert made()
    assert made.result(takes) == (
        {"mon": [11, 12, 13], "tue": [21, 22, 23]}, {"mon": {"a": 1, "b": 4}, "tue": {"a": 1, "b": 4}},
        {"mon": 7, "tue": 7}, 21,
    )  # fmt: skip
    assert made.results(outer) == {"1.mon": ([11, 12, 13],), "1.tue": ([21, 22, 23],)}
    assert made.result(none) == []


def test_it_implies_success_of_the_container_unless_another_status_is_required() -> None:
    made = flow(stop_on_exception=False)
    files = made.add_step("files", loop=[1, 0, 2], config={"stop_on_exception": False})
    load = files.add_step("load", lambda n: 6 // n, args=(files.item,))
    late = files.add_step("late", lambda n: n, args=(files.item,), require=((load, seq.STEP_SUCCESS),))
    waits = made.add_step("waits", print, args=(files.results(load),))
    takes = made.add_step("takes", lambda *got: got, args=(files.results(load), files.results(late)),
                          require=((files, seq.STEP_COMPLETE),))  # fmt: skip
    fails = made.add_step("fails", boom)
    inside = made.add_step("box", require=((fails, seq.STEP_SUCCESS),), loop=[1])
    never = inside.add_step("never", loop=[1])
    gone = made.add_step("gone", lambda got: got, args=(inside.results(never),), require=((fails, seq.STEP_FAILURE),))
    made()
    assert made.result(takes) == ([6, None, 3], [1, None, 2])
    assert made.tasks(waits) == []
    assert made.tasks(gone) == []
    edges = {(source, target): data for source, target, data in made.graph().edges(data=True) if "statuses" in data}
    assert edges[("files", "end"), ("waits", "start")]["kind"] == "refers"


def test_a_loop_that_was_never_computed_has_none() -> None:
    made = flow(stop_on_exception=False)
    days = made.add_step("days", loop=[0, 1])
    ready = days.add_step("ready", lambda n: 1 // n, args=(days.item,), config={"stop_on_exception": False})
    parts = days.add_step("parts", loop=[5], require=((ready, seq.STEP_SUCCESS),))
    load = parts.add_step("load", lambda: 3)
    takes = made.add_step("takes", lambda got: got, args=(days.results(load),), require=((days, seq.STEP_COMPLETE),))
    made()
    assert made.result(takes) == [None, [3]]


@pytest.mark.parametrize("loop", [[1, 2, 3], {"a": 1, "b": 2, "c": 3}])
def test_from_inside_it_is_about_the_iterations_before(loop: Any) -> None:
    made = flow()
    files = made.add_step("files", loop=loop)
    load = files.add_step("load", lambda n: n * n, args=(files.item,))
    parts = files.add_step("parts", loop=[10, 20])
    part = parts.add_step("part", lambda n, m: n + m, args=(files.item, parts.item))
    box = files.add_step("box", require=((parts, seq.STEP_SUCCESS),))
    asks = box.add_step("asks", lambda *got: got, args=(files.results(load), files.results(part)))
    both = parts.add_step("both", lambda *got: got, args=(parts.results(part), files.results(load)))
    assert made()

    def shaped(values: list[Any]) -> Any:
        return dict(zip(loop, values, strict=False)) if isinstance(loop, dict) else values

    squares, sums = [1, 4, 9], [[11, 21], [12, 22], [13, 23]]
    assert list(made.results(asks).values()) == [(shaped(squares[:n]), shaped(sums[:n])) for n in range(3)]
    assert list(made.results(both).values()) == [
        (sums[n][:m], shaped(squares[:n])) for n in range(3) for m in range(2)
    ]  # fmt: skip


def test_those_that_are_not_over_yet_are_none() -> None:
    made = flow()
    files = made.add_step("files", loop=[1, 2], concurrent=2)
    load = files.add_step("load", lambda n: n, args=(files.item,), delay=60)
    asks = files.add_step("asks", lambda got: got, args=(files.results(load),))
    made.run(max_loops=1)
    assert made.results(asks) == {"1.1": [], "1.2": [None]}


def test_a_recovery_has_the_results_of_what_it_skips_and_the_new_ones_of_what_it_runs(tmp_path: Path) -> None:
    made = []
    for mode in (seq.RUN_RESTART, seq.RUN_RECOVER):
        found = flow(tmp_path / "run.db", mode)
        files = found.add_step("files", loop=lambda: ["a", "b", "c"])
        load = files.add_step("load", lambda n: (n, seq.current().recovery), args=(files.item,))
        files.add_step("check", lambda n: n == "b" and not seq.current().recovery and boom(), args=(files.item,),
                       require=((load, seq.STEP_SUCCESS),))  # fmt: skip
        found.add_step("takes", lambda got: got, args=(files.results(load),))
        found()
        made.append(found)
    assert made[1].result("takes") == [("a", 0), ("b", 0), ("c", 1)]


@pytest.mark.sqlite
@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_results_in_files_and_with_codecs_are_read_where_the_step_runs(construct: str, tmp_path: Path) -> None:
    made = flow(tmp_path / "run.db", task_construct=construct, max_result_size=50)
    files = made.add_step("files", loop=[1, 100])
    load = files.add_step("load", lambda n: numpy.ones(n), args=(files.item,))
    long = files.add_step("long", lambda n: "x" * n, args=(files.item,))
    takes = made.add_step("takes", lambda one, two, three: (sum(len(part) for part in one), list(map(len, two)), three),
                          args=(files.results(load), files.results(long), files.results(load)[0].size))  # fmt: skip
    assert made()
    assert made.result(takes) == (101, [1, 100], 1)
    for file in (tmp_path / "run.db.results").rglob("*.json"):
        file.unlink()
    again = made.add_step("again", print, args=(files.results(long),))
    made.run(run_mode=seq.RUN_RECOVER, accept_removed=True)
    [task] = made.tasks(again)
    assert task.error is not None
    assert task.error.startswith("StoreError: the result of step 'files/long' at 1.2 cannot be used: its file ")


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The queries of results and items."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT") and ("eventcore_results" in statement or "eventcore_items" in statement):
            said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield said
    event.remove(Engine, "before_cursor_execute", note)


def test_one_query_reads_the_results_and_one_the_keys_of_each_loop(statements: list[str]) -> None:
    counts = []
    for size in (3, 60):
        made = flow()
        files = made.add_step("files", loop=range(size))
        parts = files.add_step("parts", loop=[1])
        load = parts.add_step("load", lambda: 1)
        made.add_step("takes", sum, args=(made.add_step("flat", lambda got: [n for [n] in got],
                                                        args=(files.results(load),)).result,))  # fmt: skip
        statements.clear()
        assert made()
        counts.append(sum("sequence >" in one for one in statements))
        assert made.result("takes") == size
    assert counts == [3, 3]


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (lambda f, days: f.add_step("s", print, (days.results(days.children["box"]),)),
         "refers to the result of container 'days/box', which has none; refer to those of one of its steps, "
         "days/box.results(days/box/load)"),
        (lambda f, days: f.add_step("s", print, (days.result,)),
         "container 'days', which has none; refer to those of one of its steps, days.results(days/box/load)"),
        (lambda f, days: days.children["box"].add_step("s", print, (seq.item,), when=days.children["box"].results(
            days.children["box"].children["load"])),
         "is inside 'days/box' itself, which has no loop, so nothing is before it; write days/box/load.result"),
        (lambda f, days: f.add_step("c").add_step("s", print, (days.children["box"].results(
            days.children["box"].children["load"]),)),
         "refers to results in 'days/box', which is inside container 'days'; write days.results(...) for all of them"),
        (lambda f, days: f.add_step("s", print, (days.results(
            days.children["box"].add_step("sh", seq.shell("date"))),)),
         "it uses days.results(days/box/sh), but step 'days/box/sh' runs a command, whose result is always None"),
    ],
)  # fmt: skip
def test_what_cannot_be_referred_to_is_found_before_anything_runs(
    add: Callable[[seq.Sequent, seq.FlowStep], Any], said: str
) -> None:
    made = flow()
    days = made.add_step("days", loop=[1])
    days.add_step("box").add_step("load", list)
    add(made, days)
    [found] = made.problems()
    assert said in found


@pytest.mark.parametrize("which", ["days", "other", "load"])
def test_a_step_that_is_not_inside_is_refused_where_it_is_written(which: str) -> None:
    made = flow()
    days = made.add_step("days", loop=[1])
    made.add_step("other")
    with pytest.raises(seq.FlowError, match=rf"days\.results\(.*{which}.*\): .*step inside|is not inside 'days'; give"):
        days.results({"days": days, "other": made.children["other"]}.get(which, "load"))  # type: ignore[arg-type]


def test_a_loop_may_walk_them() -> None:
    made = flow()
    files = made.add_step("files", loop={"a": 1, "b": 2})
    load = files.add_step("load", lambda n: n * 5, args=(files.item,))
    walks = made.add_step("walks", lambda: seq.current().item, loop=files.results(load))
    assert made()
    assert made.results(walks) == {"1.a": 5, "1.b": 10}
    with pytest.raises(LoopError, match="which is true or false"):
        made.add_step("x", loop=files.results(load) == 3)
