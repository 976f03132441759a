"""What every clock promises, and what each of them adds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

import eventcore as evr
from eventcore.act.clock import Clock
from eventcore.act.keeper import LeaseKeeper
from eventcore.act.system_clock import SystemClock
from eventcore.act.virtual_clock import VirtualClock
from tests.support import boom, eventor, rows, start

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture(params=[SystemClock, VirtualClock], ids=lambda kind: kind.__name__)
def clock(request: pytest.FixtureRequest) -> Clock:
    """Each of the clocks."""
    made: Clock = request.param()
    return made


def later(work: Callable[[], object]) -> threading.Thread:
    """Do it in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


# every clock


def test_it_tells_utc_that_does_not_go_back(clock: Clock) -> None:
    told = [clock.now() for _ in range(100)]
    assert told == sorted(told)
    assert abs(clock.wall() - clock.now()) < HOUR


def test_what_is_in_the_inbox_comes_before_the_time(clock: Clock) -> None:
    inbox: SimpleQueue[str] = SimpleQueue()
    for idle in (True, False):
        for until in (None, clock.now() - 1, clock.now() + DAY):
            inbox.put("news")
            assert clock.wait(inbox, until, idle=idle) == "news"
    assert inbox.empty()


@pytest.mark.parametrize("until", [None, DAY])
def test_news_end_a_wait(clock: Clock, until: float | None) -> None:
    inbox: SimpleQueue[str] = SimpleQueue()
    thread = later(lambda: inbox.put("news"))
    assert clock.wait(inbox, None if until is None else clock.now() + until) == "news"
    thread.join()


def test_an_idle_wait_ends_when_it_is_time(clock: Clock) -> None:
    until = clock.now() + 0.01
    assert clock.wait(SimpleQueue[str](), until, idle=True) is None
    assert clock.now() >= until


def test_a_wait_for_what_is_past_ends_at_once(clock: Clock) -> None:
    before = clock.now()
    for idle in (True, False):
        assert clock.wait(SimpleQueue[str](), before, idle=idle) is None


def test_none_in_the_inbox_only_wakes(clock: Clock) -> None:
    inbox: SimpleQueue[str | None] = SimpleQueue()
    inbox.put(None)
    assert clock.wait(inbox, clock.now() + DAY) is None
    inbox.put(None)
    assert clock.wait(inbox, None) is None


def test_a_keeper_of_a_lease_that_is_closed_waits_no_longer(clock: Clock) -> None:
    keeper = LeaseKeeper(clock, lambda: True, lambda: None, DAY)
    keeper.close()


# the clock of real runs


class Machine:
    """The clocks of a machine, and an inbox that sleeps on it without taking time."""

    def __init__(self) -> None:
        self.utc = 1_800_000_000.0
        self.uptime = 5.0
        self.slept: list[float] = []
        self.while_asleep: Iterator[Callable[[], None]] = iter(())

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.utc, lambda: self.uptime)

    def pass_time(self, seconds: float) -> None:
        self.utc += seconds
        self.uptime += seconds

    def set_utc(self, by: float) -> None:
        self.utc += by


class SleepyInbox(SimpleQueue[str]):
    """Always empty; who waits sleeps on the machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def get(self, block: bool = True, timeout: float | None = None) -> str:
        assert timeout is not None
        self.machine.slept.append(timeout)
        self.machine.pass_time(timeout)
        next(self.machine.while_asleep, lambda: None)()
        raise Empty


@pytest.mark.parametrize("leap", [-HOUR, HOUR, -30 * DAY, 30 * DAY])
def test_setting_the_system_time_changes_no_wait(leap: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.while_asleep = iter([lambda: machine.set_utc(leap)])
    began = clock.now()
    assert clock.wait(SleepyInbox(machine), began + 600) is None
    assert sum(machine.slept) == pytest.approx(600)
    assert clock.now() == pytest.approx(began + 600)
    assert clock.wall() == pytest.approx(began + 600 + leap)


def test_the_time_in_which_the_machine_sleeps_counts() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.while_asleep = iter([lambda: machine.pass_time(DAY)])
    assert clock.wait(SleepyInbox(machine), clock.now() + DAY) is None
    assert sum(machine.slept) <= SystemClock.LONGEST_SLEEP


@pytest.mark.parametrize("leap", [-HOUR, HOUR])
def test_a_run_during_which_the_system_time_is_set_serves_its_delays_in_order(leap: float) -> None:
    machine = Machine()
    real = SystemClock()
    ran: list[str] = []
    ev = eventor()
    ev.use_clock(SystemClock(lambda: real.now() + machine.utc, real.now))
    event = ev.add_event("e")
    ev.add_assoc(event, ev.add_step("sets the time", machine.set_utc, (leap,)))
    for name, delay in (("late", 0.02), ("soon", 0.01)):
        ev.add_assoc(event, ev.add_step(name, ran.append, (name,)), delay=delay)
    ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["soon", "late"]


# the clock that simulates


def test_a_day_of_delays_and_retries_passes_as_soon_as_nothing_runs(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    clock = VirtualClock(1_800_000_000.0)
    ev = eventor(store, retries=3, retry_delay=HOUR, logging_level="CRITICAL")
    ev.use_clock(clock)
    done, over = ev.add_event("done"), ev.add_event("over")
    ev.add_assoc(over, ev.add_step("last"))
    ev.add_assoc(done, ev.add_step("fails", boom, triggers={evr.STEP_FAILURE: (over,)}), delay=DAY)
    start(ev, ev.add_step("first", triggers={evr.STEP_SUCCESS: (done,)}))
    assert ev.run()
    assert clock.now() == 1_800_000_000.0 + DAY + 3 * HOUR
    tries = [started for (started,) in rows(store, "select started from {attempts} order by try")]
    assert tries == [1_800_000_000.0 + DAY + n * HOUR for n in range(4)]


@pytest.mark.parametrize("construct", ["thread", "async"])
def test_time_stands_still_while_a_step_runs(construct: str, tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    clock = VirtualClock()
    ev = eventor(store, task_construct=construct)
    ev.use_clock(clock)
    event = ev.add_event("e")
    ev.add_assoc(event, ev.add_step("works", lambda: sum(range(1_000_000))))
    ev.add_assoc(event, ev.add_step("waits"), delay=HOUR)
    ev.trigger_event(event, 1)
    assert ev.run()
    took = dict(rows(store, "select step, ended - started from {tasks}"))
    assert took["works"] == 0


def test_a_step_can_take_simulated_time() -> None:
    clock = VirtualClock()
    began = clock.now()
    ran: list[str] = []
    ev = eventor(task_construct="thread", max_concurrent=2)
    ev.use_clock(clock)
    event, served = ev.add_event("e"), threading.Event()

    def works() -> None:
        clock.advance(2 * HOUR)
        assert served.wait(600), "the delay that is over is not served while the step runs"

    def waits() -> None:
        ran.append("waits")
        served.set()

    ev.add_assoc(event, ev.add_step("works", works))
    ev.add_assoc(event, ev.add_step("waits", waits), delay=HOUR)
    ev.trigger_event(event, 1)
    assert ev.run()
    assert clock.now() == pytest.approx(began + 2 * HOUR)


def test_a_keeper_beats_when_simulated_time_passes_and_stops_when_the_lease_is_lost() -> None:
    clock, beats, lost = VirtualClock(), SimpleQueue[bool](), threading.Event()
    answers = iter([True, True, False])

    def beat() -> bool:
        beats.put(True)
        return next(answers)

    keeper = LeaseKeeper(clock, beat, lost.set, 30)
    for _ in range(3):
        clock.advance(10)
        assert beats.get(timeout=60)
    assert lost.wait(600)
    clock.advance(DAY)
    keeper.close()
    assert beats.empty()
