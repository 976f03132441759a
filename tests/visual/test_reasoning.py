"""Why instances stand as they do, told from stores of runs that are over, pending or recovered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.record.reading import reading
from sequent import STEP_FAILURE, STEP_READY, STEP_SUCCESS
from tests.support import boom, eventor, flow, start
from visual.reasons import Explanation, Known, explanations
from visual.reasons.explain import SequenceError


def why(store: Path, path: str, sequence: str | None = None) -> list[Explanation]:
    with reading(str(store)) as reader:
        now = time.time()
        return explanations(Known(reader, reader.run(None, now), now), path, sequence)


def texts(found: list[Explanation]) -> list[tuple[str, list[str]]]:
    """The instances, each with the kinds of its reasons."""
    return [(one.name, [reason.kind for reason in one.reasons]) for one in found]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def test_only_the_parts_of_a_requirement_that_do_not_hold_are_told(store: Path) -> None:
    f = flow(store, stop_on_exception=False)
    good, bad = f.add_step("good", str), f.add_step("bad", boom)
    late = f.add_step("late", str, require=((bad, STEP_SUCCESS),))
    either = seq.or_((bad, STEP_SUCCESS), (late, STEP_READY))
    f.add_step("asks", str, require=((good, STEP_SUCCESS), either))
    assert not f()
    (found,) = why(store, "asks")
    assert found.name == "asks@1"
    assert found.reasons[0].text == (
        "it requires bad success or late ready, but bad@1 failed, late@1 has not been reached"
    )
    assert [reason.kind for reason in found.reasons] == ["requirement", "run"]


def test_a_failure_ends_with_its_error_and_is_called_handled_where_it_is(store: Path) -> None:
    f = flow(store)
    bad = f.add_step("bad", boom)
    f.add_step("mends", str, require=((bad, STEP_FAILURE),))
    assert f()
    (found,) = why(store, "bad")
    assert [(reason.kind, reason.text) for reason in found.reasons[:1]] == [("error", "ValueError: boom")]
    assert "the failure is handled" in found.reasons[1].text
    assert texts(why(store, "mends")) == [("mends@1", ["ended"])]


def test_a_step_without_a_sequence_stands_for_its_instances_that_are_not_done(store: Path) -> None:
    f = flow(store, stop_on_exception=False)
    days = f.add_step("days", loop=["1", "x", "3", "y"])
    load = days.add_step("load", int, args=(days.item,))
    days.add_step("push", str, require=((load, STEP_SUCCESS),))
    assert not f()
    assert texts(why(store, "days/load")) == [
        ("days/load@1.2 [x]", ["error", "ended", "traceback"]),
        ("days/load@1.4 [y]", ["error", "ended", "traceback"]),
    ]
    assert texts(why(store, "days/push")) == [
        ("days/push@1.2 [x]", ["requirement", "run"]),
        ("days/push@1.4 [y]", ["requirement", "run"]),
    ]


def test_an_iteration_that_never_began_is_told_by_its_container(store: Path) -> None:
    f = flow(store)
    days = f.add_step("days", loop=["1", "x", "3"])
    days.add_step("load", int, args=(days.item,))
    f.add_step("after", str, require=((days, STEP_SUCCESS),))
    box = f.add_step("box", require=(("after", STEP_SUCCESS),))
    box.add_step("inner", str)
    assert not f()
    (found,) = why(store, "days/load", "1.3")
    assert "days@1 ended (failure) before iteration 3 began" in found.reasons[0].text
    (found,) = why(store, "box/inner")
    assert found.sequence is None
    assert "box@1: it requires after success" in found.reasons[1].text


def test_what_a_recovery_had_no_need_to_come_to_stands_as_before(store: Path) -> None:
    for mode, number in ((seq.RunMode.restart, "x"), (seq.RunMode.recover, "1")):
        f = flow(store, mode)
        days = f.add_step("days", loop=["mon", "tue"])
        days.add_step("load", str)
        f.add_step("after", int, args=(number,), require=((days, STEP_SUCCESS),))
        f()
    assert texts(why(store, "days")) == [("days@1", ["ended"])]
    (found,) = why(store, "days/load", "1.1")
    assert [reason.kind for reason in found.reasons] == ["ended", "run"]
    assert "not rerun in recovery 1" in found.reasons[1].text


@pytest.mark.parametrize("sequence", ["1", "1.1.1.1"])
def test_a_sequence_that_the_step_cannot_have_is_an_error(store: Path, sequence: str) -> None:
    f = flow(store)
    f.add_step("box").add_step("each", str, loop=[1])
    assert f()
    assert texts(why(store, "box/each", "1.1.1")) == [("box/each@1.1.1 [1]", ["ended"])]
    with pytest.raises(SequenceError, match="2 keys"):
        why(store, "box/each", sequence)


def test_units_that_a_step_kept_are_told_with_its_name(store: Path) -> None:
    program = eventor(store)
    pool = evr.ResourcePool("pool", 2)
    takes = program.add_step("takes", str, acquires=((pool, 1),), releases=())
    start(program, takes, program.add_step("wants", str, acquires=((pool, 2),)))
    assert not program()
    (found,) = why(store, "wants")
    assert found.state == "ready"
    assert found.reasons[0].text == (
        "it needs 2 of 'pool', of which 1 of 2 are free; held by takes, which ended without releasing them (1)"
    )
    assert found.reasons[1].text.startswith("the run is stalled")


def test_an_event_behind_an_event_is_told_to_where_it_could_come_from(store: Path) -> None:
    program = eventor(store)
    first = program.add_step("first", boom, triggers={STEP_SUCCESS: (done := program.add_event("done"),)})
    far = program.add_event("far")
    program.add_assoc(done, far)
    program.add_assoc(far, program.add_step("last", str))
    start(program, first)
    assert not program()
    (found,) = why(store, "last")
    assert [reason.text for reason in found.reasons if reason.kind == "event"] == [
        "event 'far' has not been triggered at 1: it follows 'done'",
        "event 'done' has not been triggered at 1: first success triggers it, but first failed",
    ]


def test_a_container_that_failed_names_what_failed_inside_it(store: Path) -> None:
    f = flow(store)
    outer = f.add_step("outer", loop=["x"])
    outer.add_step("inner").add_step("bad", boom)
    f.add_step("mends", str, require=((outer, STEP_FAILURE),))
    assert f()
    (found,) = why(store, "outer")
    assert found.reasons[0].text == "inside it: outer/inner/bad@1.1.1 [x]: ValueError: boom"
    assert "in try" not in found.reasons[1].text


def test_a_container_that_a_user_cancelled_did_not_fail_and_its_delays_are_over(store: Path) -> None:
    f = flow(store)
    outer = f.add_step("outer", loop=["x"])
    outer.add_step("late", str, delay=3600)
    f.run(max_loops=1)
    (waits,) = why(store, "outer/late")
    assert [reason.kind for reason in waits.reasons] == ["delay", "engine"]
    (pending,) = why(store, "outer")
    assert pending.state == "active"
    f.cancel("outer")
    assert f.run()
    (found,) = why(store, "outer/late")
    assert [reason.text for reason in found.reasons] == [
        "iteration 1.1 of outer was cancelled, and nothing new starts in it", "the run is over: success",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "told"), [(600, "is due in 10 min 0 s (at "), (0.004, "is due now (at "), (-1, "was due at ")]
)
def test_what_is_due_within_a_second_is_due_now(left: float, told: str, store: Path) -> None:
    flow(store).run()
    with reading(str(store)) as reader:
        known = Known(reader, reader.run(None, 0.0), 1000.0)
        assert known.due(1000.0 + left).startswith(told)


def test_the_failure_that_ended_the_run_is_named_however_many_were_handled(store: Path) -> None:
    program = flow(store, stop_on_exception=False)
    tried = program.add_step("tried", boom, loop=range(201))
    program.add_step("instead", int, require=((tried, STEP_FAILURE),))
    last = program.add_step("last", boom, ("the reason",), require=((tried, STEP_FAILURE),))
    program.add_step("never", int, require=((last, STEP_SUCCESS),))
    program.run()
    (found,) = why(store, "never")
    assert found.reasons[-1].text == "the run ended with failure of last@1: ValueError: the reason"


def test_a_deadline_is_told_beside_what_is_waited_for(store: Path) -> None:
    f = flow(store, task_construct="thread")
    f.add_step("s", boom, config={"retries": 1, "retry_delay": 600, "deadline": 1000})
    assert f.run(max_loops=1)
    (found,) = why(store, "s")
    assert [reason.kind for reason in found.reasons] == ["retry", "engine", "deadline"]
    assert found.reasons[2].text.startswith("its deadline is due in 16 min ")


def test_who_is_of_higher_priority_is_told_to_what_waits(store: Path) -> None:
    told: dict[str, list[str]] = {}
    f, pool = flow(store, task_construct="thread"), seq.ResourcePool("p", 2)

    def looks() -> None:
        for path in ("low", "lower"):
            told[path] = [reason.text for one in why(store, path) for reason in one.reasons]

    looking = f.add_step("looking", looks, config={"priority": 9})
    f.add_step("lower", str, config={"priority": -1}, acquires=[(pool, 1)])
    f.add_step("low", str)
    f.add_step("high", str, acquires=[(pool, 1)], config={"priority": 1})
    assert f()
    assert looking.path == "looking"
    assert told == {
        "low": ["it waits for a free slot under max_concurrent; active: looking@1; of higher priority: high@1"],
        "lower": ["others are ahead of it in the queue for 'p': high@1"],
    }


def test_a_clause_on_the_level_is_told_only_if_the_level_ended_otherwise(store: Path) -> None:
    f = flow(store)
    part = f.add_step("part")
    booked = part.add_step("booked", str)
    bad = part.add_step("bad", boom, require=((booked, STEP_SUCCESS),))
    for name, clause in {"undo": (bad, STEP_SUCCESS), "redo": (booked, STEP_SUCCESS)}.items():
        part.add_step(name, str, require=((part, STEP_FAILURE), clause))
    part.add_step("thanks", str, require=((part, STEP_SUCCESS), (booked, STEP_FAILURE)))
    f.add_step("end", str, require=((f, seq.STEP_OVER), (part, STEP_SUCCESS)))
    assert not f()
    assert texts(why(store, "part/redo")) == [("part/redo@1.1", ["ended"])]
    told = {path: [one.text for one in why(store, path)[0].reasons if one.kind == "requirement"]
            for path in ("part/undo", "part/thanks", "end")}  # fmt: skip
    assert told == {
        "part/undo": ["it requires part/bad success, but part/bad@1.1 failed"],
        "part/thanks": [
            "it requires everything else in part to end without an unhandled failure, but there was one, or it was "
            "cancelled",
            "it requires part/booked failure, but part/booked@1.1 succeeded",
        ],
        "end": ["it requires part success, but part@1 failed"],
    }


def test_a_step_that_had_to_run_and_did_not_says_what_has_not_come(store: Path) -> None:
    f = flow(store)
    rows = f.add_step("rows", list)
    f.add_step("send", str, when=rows.result, config={"must_run": True})
    assert not f()
    *before, last = why(store, "send")[0].reasons
    assert [one.text for one in before] == [
        "it must run, but what it requires cannot come any more", "it runs only when rows.result, which was false"
    ]  # fmt: skip
    assert (last.kind, "try" in last.text) == ("ended", False)


def test_a_step_that_had_to_run_and_lacked_a_count_says_so(store: Path) -> None:
    f = flow(store)
    many = f.add_step("many", loop=[1, 2], config={"allow_failure": True, "stop_on_exception": False})
    many.add_step("one", boom)
    f.add_step("all", str, require=seq.at_least(2, many, STEP_SUCCESS), config={"must_run": True})
    assert not f()
    (found,) = why(store, "all")
    told = "it requires at least 2 of many success, but of its 2 iterations: 1 failed, 1 interrupted"
    assert told in [one.text for one in found.reasons]


def test_how_members_stand_is_told_with_their_numbers_or_names(store: Path) -> None:
    f = flow(store, stop_on_exception=False)
    many = f.add_step("many", loop=[1, 2, 3])
    many.add_wait("waits")
    box = f.add_step("box")
    box.add_step("done", str)
    box.add_wait("open")
    f.add_step("two", str, require=seq.at_least(2, many, STEP_SUCCESS))
    f.add_step("both", str, require=seq.all_of(box, STEP_SUCCESS))
    f(max_loops=1)
    assert why(store, "two")[0].reasons[0].text == (
        "it requires at least 2 of many success, but of its 3 iterations: 1 active, 2 not begun"
    )
    assert why(store, "both")[0].reasons[0].text == (
        "it requires all of box success, but box/done@1.1 succeeded, box/open@1.1 is active"
    )


def test_what_an_earlier_iteration_of_a_mapping_lacks_is_told_with_its_key(store: Path) -> None:
    f = flow(store, stop_on_exception=False)
    years = f.add_step("years", loop={"7": "old", "3": "new"}, concurrent=2)
    wait = years.add_wait("wait")
    years.add_step("next", str, require=((wait.previous(), STEP_SUCCESS),))
    f(max_loops=1)
    (found,) = [one for one in why(store, "years/next") if one.sequence == "1.3"]
    assert found.reasons[0].text.endswith("but years/wait@1.7 [7: old] is active")


def test_what_ends_a_level_is_told_of_the_own_iteration_alone(store: Path) -> None:
    f = flow(store)
    many = f.add_step("many", loop=[1, 2], concurrent=2)
    many.add_wait("waits")
    many.add_step("last", str, require=((many, seq.STEP_OVER),))
    f(max_loops=1)
    assert [one.reasons[0].text for one in why(store, "many/last")] == [
        f"it requires everything else in many to be over, but many/waits@1.{n} [{n}] is active" for n in (1, 2)
    ]
