"""Resources: units of pools that a step takes while it runs."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import eventcore as evr
from tests.support import boom, eventor, start


class Meter:
    """Counts how many of its steps run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1


class Licence(evr.Resource):
    """A kind of resource, as the seed's programs name them."""


@pytest.mark.parametrize(
    "pool",
    [evr.ResourcePool("licence", 2),
     evr.ResourcePool("licence", resource_cls=Licence, policy={"resource_limit": 2}).load()],
)  # fmt: skip
def test_no_more_steps_run_than_their_pool_has_units(pool: evr.ResourcePool) -> None:
    meter = Meter()
    ev = eventor(task_construct="thread", max_concurrent=-1)
    start(ev, *(ev.add_step(f"s{i}", meter, acquires=[(pool, 1)]) for i in range(6)))
    assert ev.run()
    assert meter.most == 2


@pytest.mark.parametrize("pool", [evr.ResourcePool("free"), evr.ResourcePool("free", policy={"resource_limit": -1})])
def test_a_pool_without_limit_never_runs_out(pool: evr.ResourcePool) -> None:
    together = threading.Barrier(5)
    ev = eventor(task_construct="thread", max_concurrent=-1)
    start(ev, *(ev.add_step(f"s{i}", together.wait, (10,), acquires=[(pool, 9)]) for i in range(5)))
    assert ev.run()


def test_all_pools_of_a_task_are_taken_together_or_not_at_all() -> None:
    """Philosophers: each holds what its neighbour wants, if anything could be held alone."""
    forks = [evr.ResourcePool(f"fork {i}", 1) for i in range(3)]
    meter = Meter()
    ev = eventor(task_construct="thread", max_concurrent=-1)
    event = ev.add_event("hungry")
    for i in range(3):
        ev.add_assoc(event, ev.add_step(f"p{i}", meter, acquires=[(forks[i], 1), (forks[(i + 1) % 3], 1)]))
    for sequence in range(1, 6):
        ev.trigger_event(event, sequence)
    assert ev.run()
    assert meter.most == 1


def test_a_large_request_is_not_starved_by_small_ones_that_come_later() -> None:
    pool = evr.ResourcePool("memory", 2)
    ran: list[str] = []
    first = threading.Event()

    def one() -> None:
        first.wait(10)
        ran.append("small")

    ev = eventor(task_construct="thread", max_concurrent=-1)
    steps = [ev.add_step("s0", one, acquires=[(pool, 1)])]
    steps.append(ev.add_step("large", ran.append, ("large",), acquires=[(pool, 2)]))
    steps += [ev.add_step(f"s{i}", ran.append, ("later",), acquires=[(pool, 1)]) for i in range(1, 5)]
    start(ev, *steps, ev.add_step("go", first.set))
    assert ev.run()
    assert ran[:2] == ["small", "large"]


@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_units_are_returned_on_failure_and_death(construct: str) -> None:
    ran: list[str] = []
    pool = evr.ResourcePool("licence", 1)
    ev = eventor(stop_on_exception=False)
    dies = boom if construct == "invoke" else (lambda: os._exit(1))
    start(ev, ev.add_step("fails", dies, acquires=[(pool, 1)], config={"task_construct": construct}),
          ev.add_step("next", ran.append, ("next",), acquires=[(pool, 1)]))  # fmt: skip
    assert not ev.run()
    assert ran == ["next"]


def test_what_releases_lists_is_returned_whoever_took_it() -> None:
    ran: list[str] = []
    pool = evr.ResourcePool("slot", 1)
    ev = eventor()
    done = ev.add_event("taken")
    ev.add_assoc(done, ev.add_step("gives", ran.append, ("gives",), releases=[(pool, 1)]))
    start(ev, ev.add_step("takes", ran.append, ("takes",), acquires=[(pool, 1)], releases=[],
                          triggers={evr.STEP_SUCCESS: done}),
          ev.add_step("wants", ran.append, ("wants",), acquires=[(pool, 1)]))  # fmt: skip
    assert ev.run()
    assert ran == ["takes", "gives", "wants"]


def test_a_waiting_retry_holds_nothing_or_all_but_never_blocks_itself() -> None:
    def once() -> None:
        if evr.current().try_number == 1:
            boom()

    pool = evr.ResourcePool("slot", 1)
    ev = eventor()
    start(ev, ev.add_step("s", once, acquires=[(pool, 1)], config={"retries": 1, "retry_delay": 0.02}))
    assert ev.run()


@pytest.mark.parametrize("mode", [evr.RunMode.recover, evr.RunMode.continue_])
def test_units_that_a_step_kept_are_still_taken_for_the_next_engine(tmp_path: Path, mode: evr.RunMode) -> None:
    for run_mode in (evr.RunMode.restart, mode):
        pool = evr.ResourcePool("slot", 1)
        ev = eventor(tmp_path / "run.db", run_mode)
        start(ev, *(ev.add_step(name, int, acquires=[(pool, 1)], releases=[]) for name in ("keeps", "waits")))
        assert ev.run() is False
        assert ev.count_todos() == (1, None)
