"""Pools that runs share: units are taken across runs, in the order of asking, and come back with the lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.stored import read
from eventcore.errors import ProgramError
from tests.eventcore.record.places import KINDS, SHARED, rows
from tests.support import boom, start

WAIT = 60  #: seconds until a test gives up


def program(store: str, name: str = "program", mode: evr.RunMode = evr.RunMode.restart, run_id: str = "",
            **config: Any) -> evr.Eventor:  # fmt: skip
    """A program that runs its steps in threads."""
    settings = {"task_construct": "thread", "logging_level": "CRITICAL", "durability": "normal", "max_concurrent": -1}
    return evr.Eventor(name, store, mode, run_id=run_id, config={**settings, **config})


def pool(limit: int | None = 1, name: str = "licences", scope: Any = "cluster") -> evr.ResourcePool:
    return evr.ResourcePool(name, limit, scope=scope)


@pytest.fixture(params=SHARED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no store yet that several programs can use."""
    return KINDS[request.param](tmp_path)


def held(store: str) -> list[tuple[str, str, int]]:
    """Who has how many units in the store: pool, step and number, whatever became of its engine."""
    query = ("SELECT name, step, amount FROM {units} JOIN {pools} ON id = pool "
             "WHERE state = 'held' ORDER BY 1, 2")  # fmt: skip
    return [(str(one), str(step), int(amount)) for one, step, amount in rows(store, query)]


def waiting(store: str) -> list[str]:
    """The steps that wait, in the order in which they asked."""
    query = "SELECT DISTINCT asked, run, step FROM {units} WHERE state != 'held' ORDER BY asked, run"
    return [str(step) for _, _, step in rows(store, query)]


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def running(ev: evr.Eventor) -> Iterator[list[bool]]:
    """The program at work in a thread of its own; its answer is in the list when the block is over."""
    answer: list[bool] = []
    thread = threading.Thread(target=lambda: answer.append(ev.run()), daemon=True)
    thread.start()
    yield answer
    thread.join(WAIT)
    assert not thread.is_alive()


class Gate:
    """A step that notes its start and waits until it may end."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.go = threading.Event()

    def __call__(self) -> None:
        self.ran.append(evr.current().name)
        assert self.go.wait(WAIT)


@pytest.mark.parametrize("scope", ["host", "cluster"])
@pytest.mark.parametrize("kind", KINDS)
def test_within_one_run_a_shared_pool_is_like_its_own(scope: str, kind: str, tmp_path: Path) -> None:
    licences, gate = pool(2, scope=scope), Gate()
    ev = program(KINDS[kind](tmp_path))
    start(ev, *(ev.add_step(f"s{n}", gate, acquires=[(licences, 1)]) for n in range(4)))
    with running(ev) as answer:
        eventually(lambda: len(gate.ran) == 2)
        gate.go.set()
    assert answer == [True]
    assert sorted(gate.ran) == ["s0", "s1", "s2", "s3"]
    assert gate.ran[:2] == ["s0", "s1"]


def test_runs_of_one_store_take_units_of_one_pool_in_the_order_in_which_they_ask(store: str) -> None:
    first, others = Gate(), Gate()
    others.go.set()
    holder = program(store, "holder")
    start(holder, holder.add_step("holds", first, acquires=[(pool(2), 1)]))
    large = program(store, "large")
    start(large, large.add_step("large", others, acquires=[(pool(2), 2)]))
    small = program(store, "small")
    start(small, small.add_step("small", others, acquires=[(pool(2), 1)]))
    with running(holder):
        eventually(lambda: first.ran)
        with running(large) as one:
            eventually(lambda: waiting(store) == ["large"])
            with running(small) as other:
                eventually(lambda: waiting(store) == ["large", "small"])
                assert others.ran == []  # a unit is free, but the large request came first
                first.go.set()
    assert (one, other) == ([True], [True])
    assert others.ran == ["large", "small"]
    assert rows(store, "SELECT * FROM {units}") == []


def test_pools_of_both_kinds_are_taken_together_or_not_at_all(store: str) -> None:
    first, second = Gate(), Gate()
    second.go.set()
    holder = program(store, "holder")
    start(holder, holder.add_step("holds", first, acquires=[(pool(1, "a"), 1)]))
    ev = program(store)
    own = evr.ResourcePool("own", 1)
    both = [(pool(1, "a"), 1), (pool(1, "b"), 1), (own, 1)]
    start(ev, ev.add_step("wants all", second, acquires=both),
          ev.add_step("wants b", second, acquires=[(both[1][0], 1)]),
          ev.add_step("wants own", second, acquires=[(own, 1)]),
          ev.add_step("wants nothing", second))  # fmt: skip
    with running(holder):
        eventually(lambda: first.ran)
        with running(ev) as answer:
            eventually(lambda: waiting(store) == ["wants all", "wants b"] and second.ran)
            assert held(store) == [("a", "holds", 1)]
            assert second.ran == ["wants nothing"]
            first.go.set()
    assert answer == [True]
    assert sorted(second.ran) == ["wants all", "wants b", "wants nothing", "wants own"]
    assert second.ran.index("wants all") < second.ran.index("wants own")


@pytest.mark.parametrize("with_own", [False, True])
def test_a_claim_of_lower_priority_does_not_block_what_goes_before_it_in_its_run(with_own: bool, store: str) -> None:
    """The queue of the shared pool has one order, that of the run's own pool the other."""
    first, second = Gate(), Gate()
    second.go.set()
    holder = program(store, "holder")
    start(holder, holder.add_step("holds", first, acquires=[(pool(), 1)]))
    ev = program(store)
    wanted = [(pool(), 1), (evr.ResourcePool("own", 1), 1)][: 1 + with_own]
    start(ev, ev.add_step("low", second, acquires=wanted))
    late = ev.add_event("late")
    ev.add_assoc(late, ev.add_step("high", second, acquires=wanted, config={"priority": 5}))
    with running(holder):
        eventually(lambda: first.ran)
        with running(ev) as answer:
            eventually(lambda: waiting(store) == ["low"])
            ev.trigger_event(late, 1)
            eventually(lambda: waiting(store) == ["low", "high"])
            first.go.set()
    assert answer == [True]
    assert second.ran == ["high", "low"]


@pytest.mark.parametrize("fails", [False, True])
def test_units_come_back_when_a_step_ends_and_before_each_new_try(fails: bool, store: str) -> None:
    seen: list[list[tuple[str, str, int]]] = []
    licences = pool()

    def look() -> None:
        seen.append(held(store))
        if fails:
            boom()

    ev = program(store, retries=1, retry_delay=0.01)
    start(ev, ev.add_step("looks", look, acquires=[(licences, 1)]))
    assert ev.run() is not fails
    assert seen == [[("licences", "looks", 1)]] * (2 if fails else 1)
    assert held(store) == []


def test_what_releases_lists_is_returned_whoever_took_it(store: str) -> None:
    room, seen = pool(name="room"), list[Any]()
    ev = program(store)
    taken = ev.add_event("taken")
    ev.add_assoc(taken, ev.add_step("gives", lambda: seen.append(held(store)), releases=[(room, 1)]))
    start(ev, ev.add_step("takes", acquires=[(room, 1)], releases=[], triggers={evr.STEP_SUCCESS: taken}),
          ev.add_step("wants", lambda: seen.append(held(store)), acquires=[(room, 1)]))  # fmt: skip
    assert ev.run()
    assert seen == [[("room", "takes", 1)], [("room", "wants", 1)]]


def test_a_run_that_has_kept_what_it_waits_for_is_stalled_and_leaves_it_to_others(store: str) -> None:
    room = pool(name="room")
    ev = program(store)
    start(ev, *(ev.add_step(name, int, acquires=[(room, 1)], releases=[]) for name in ("keeps", "waits")))
    assert ev.run() is False
    assert rows(store, "SELECT verdict FROM {recoveries}") == [("stalled",)]
    assert rows(store, "SELECT * FROM {units}") == []


@pytest.mark.parametrize("mode", [evr.RunMode.recover, evr.RunMode.continue_])
def test_units_follow_the_runs_state_again(store: str, mode: evr.RunMode) -> None:
    """What a step kept is taken again before anything else of the run starts."""
    first, second = Gate(), Gate()
    second.go.set()

    def made(run_mode: evr.RunMode) -> evr.Eventor:
        ev, room = program(store, "keeps", run_mode, "r"), pool(name="room")
        entered, done = ev.add_event("entered"), ev.add_event("done")
        start(ev, ev.add_step("enter", acquires=[(room, 1)], releases=[], triggers={evr.STEP_SUCCESS: entered}))
        ev.add_assoc(entered, ev.add_step("inside", second, triggers={evr.STEP_SUCCESS: done}), delay=0.05)
        ev.add_assoc(done, ev.add_step("leave", releases=[(room, 1)]))
        return ev

    assert made(evr.RunMode.restart).run(max_loops=1)
    assert rows(store, "SELECT * FROM {units}") == []
    other = program(store, "other")
    start(other, other.add_step("other", first, acquires=[(pool(name="room"), 1)]))
    with running(other):
        eventually(lambda: first.ran)
        with running(made(mode)) as answer:
            eventually(lambda: waiting(store) == ["enter"])
            assert second.ran == []
            first.go.set()
    assert answer == [True]
    assert rows(store, "SELECT * FROM {units}") == []


def test_two_limits_of_one_pool_are_refused_before_a_run_is_made(store: str) -> None:
    for name, limit in (("two", 2), ("two", 3)):  # a program may change its own
        ev = program(store, name)
        start(ev, ev.add_step("s", int, acquires=[(pool(limit), 1)]))
        assert ev.run()
    ev = program(store, "four")
    start(ev, ev.add_step("s", int, acquires=[(pool(4), 1)]))
    with pytest.raises(ProgramError, match=r"limit 3 in program 'two' and limit 4 in program 'four'.*pools set"):
        ev.run()
    assert rows(store, "SELECT count(*) FROM {runs}") == [(2,)]


def test_pools_of_other_scopes_are_other_pools(store: str) -> None:
    for name, scope in (("one", "cluster"), ("two", "host"), ("three", "program")):
        ev = program(store, name)
        start(ev, ev.add_step("s", int, acquires=[(pool(len(name), scope=scope), 1)]))
        assert ev.run()
    assert rows(store, "SELECT scope, most FROM {pools} ORDER BY 1") == [("cluster", 3), ("host", 3)]


def test_the_stored_program_tells_who_shares_a_pool(store: str) -> None:
    ev = program(store)
    ev.add_step("s", int, acquires=[(pool(2), 1), (pool(1, "own", "program"), 1)])
    stored = read(ev.document)
    assert (stored.pools, stored.shared) == ({"licences": 2, "own": 1}, {"licences": "cluster"})


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(ProgramError, match="unknown scope 'galaxy'; choose one of program, host, cluster"):
        pool(scope="galaxy")


def test_a_step_that_waits_for_units_can_be_cancelled_and_its_deadline_can_pass(store: str) -> None:
    gate = Gate()
    holder = program(store, "holder")
    start(holder, holder.add_step("holds", gate, acquires=[(pool(), 1)]))
    ev, licences = program(store, stop_on_exception=False), pool()
    start(ev, ev.add_step("late", int, acquires=[(licences, 1)], config={"deadline": 0.05}),
          ev.add_step("unwanted", int, acquires=[(licences, 1)]))  # fmt: skip
    with running(holder) as first:
        eventually(lambda: gate.ran)
        with running(ev) as answer:
            eventually(lambda: waiting(store) == ["unwanted"])
            assert not ev.cancel("unwanted").is_refused
        assert answer == [False]
        gate.go.set()
    assert first == [True]
    assert sorted(rows(store, "SELECT step, status FROM {tasks}")) == [
        ("holds", "success"), ("late", "failure"), ("unwanted", "cancelled"),
    ]  # fmt: skip


def test_a_paused_run_lets_others_pass(store: str) -> None:
    first, second = Gate(), Gate()
    second.go.set()
    holder = program(store, "holder")
    start(holder, holder.add_step("holds", first, acquires=[(pool(), 1)]))
    paused = program(store, "paused")
    start(paused, paused.add_step("paused", second, acquires=[(pool(), 1)]))
    other = program(store, "other")
    start(other, other.add_step("other", second, acquires=[(pool(), 1)]))
    with running(holder):
        eventually(lambda: first.ran)
        with running(paused) as answer:
            eventually(lambda: waiting(store) == ["paused"])
            paused.pause()
            with running(other):
                eventually(lambda: waiting(store) == ["paused", "other"])
                first.go.set()
            assert second.ran == ["other"]
            paused.resume()
    assert answer == [True]
    assert second.ran == ["other", "paused"]


def test_no_more_units_are_taken_than_there_are_slots_to_use_them(store: str) -> None:
    gate = Gate()
    ev = program(store, max_concurrent=2)
    licences = pool(10)
    start(ev, *(ev.add_step(f"s{n}", gate, acquires=[(licences, 1)]) for n in range(5)))
    with running(ev) as answer:
        eventually(lambda: len(gate.ran) == 2)
        assert [step for _, step, _ in held(store)] == ["s0", "s1"]
        assert waiting(store) == []
        gate.go.set()
    assert answer == [True]
    assert len(gate.ran) == 5


def test_programs_without_shared_pools_leave_the_tables_alone(store: str) -> None:
    ev = program(store)
    start(ev, ev.add_step("s", int, acquires=[(evr.ResourcePool("own", 1), 1)]))
    assert ev.run()
    assert rows(store, "SELECT * FROM {pools}") == []
