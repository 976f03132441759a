"""The engine that works off submitted runs: it claims one after the other, and has a process work on each.

All that happens goes through one queue: datagrams that say there is work, processes that end, signals. The store is
looked into once a second besides, as no datagram comes from other hosts.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from queue import Empty, SimpleQueue

import click

from eventcore.act.waker import Waker
from eventcore.define.passwords import connectable
from eventcore.define.plain import plain
from eventcore.errors import StoreError, StoreVersionError
from eventcore.record import engines, lease, submitted
from eventcore.record.database import reported
from eventcore.record.registry import shared_backend
from eventcore.record.store import Store, opened
from eventcore.record.submitted import Waiting
from sequent.cli.exit_codes import EXIT_FAILED
from sequent.cli.left_runs import LeftRuns
from sequent.cli.lost_output import loss_accepted
from sequent.cli.run_entry import Order
from sequent.cli.run_process import RunProcess

POLL = 1.0  #: seconds between two looks for work
BEAT = 10.0  #: seconds between two heartbeats
LONGEST = 30.0  #: seconds between two tries to reach a store that is away

WOKEN = "woken"
Event = str | int | RunProcess  #: WOKEN, a signal, or a process that has ended


class EngineLoop:
    """One engine of a store; `run` works until it is told to end."""

    def __init__(self, location: str, programs: Sequence[str], slots: int, *, once: bool) -> None:
        self._location = location
        self._programs = programs
        self._slots = slots
        self._once = once
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._processes: dict[int, RunProcess] = {}  #: by the numbers of their runs
        self._left = LeftRuns()
        self._given_back: set[int] = set()  #: the runs whose claims are to be given back
        self._store: Store | None = None
        self._beaten = 0.0
        self._wait = POLL
        self._is_away = False  #: the store cannot be reached
        self._is_idle = False  #: there was nothing to do at the last look
        self._terms = 0  #: how often it was told to end: 1, no new runs; 2, interrupt them; 3, kill them

    def run(self) -> int:
        """Work off runs; returns the exit code. Raises `StoreError` for a store that cannot be opened at first."""
        name = shared_backend(self._location).name
        with closing(Waker()) as waker, self._hearing_signals():
            self._holder = lease.this_engine(waker.token, waker.port)
            waker.listen(lambda: self._events.put(WOKEN))
            try:
                self._store = opened(self._location)
                slots = f"{self._slots} run{'' if self._slots == 1 else 's'} at a time"
                self._say(f"engine of store {name}, {slots}: process {self._holder.pid}")
                self._look_patiently()
                while not self._is_over():
                    self._hear()
                    self._look_patiently()
            finally:
                self._end()
        self._say("engine ended")
        return EXIT_FAILED if self._terms > 1 else 0

    def _is_over(self) -> bool:
        if self._processes or (self._given_back and self._terms < 2):
            return False
        return self._terms > 0 or (self._once and self._is_idle)

    # looking into the store

    def _look_patiently(self) -> None:
        """Look into the store; one that cannot be reached is tried again, ever more slowly."""
        try:
            self._look()
        except StoreVersionError:
            raise
        except StoreError as error:
            self._close()
            if not self._is_away:
                self._say(f"the store cannot be reached, and is tried again until it can: {error}")
            self._is_away, self._is_idle = True, False
            self._wait = min(LONGEST, self._wait * 2) * random.uniform(0.75, 1.0)
            return
        if self._is_away:
            self._say("the store can be reached again")
        self._is_away, self._wait = False, POLL

    def _look(self) -> None:
        with reported(self._location):
            if self._store is None:
                self._store = opened(self._location)
                self._beaten = 0.0
            store, connection = self._store, self._store.connection
            if time.monotonic() - self._beaten > BEAT or not self._beaten:
                engines.enlist(connection, self._holder, self._slots, self._programs, time.time())
                if self._processes:
                    submitted.renew(connection, self._holder, time.time())
                self._beaten = time.monotonic()
            for number in list(self._given_back):
                submitted.give_back(connection, number, self._holder)
                self._given_back.discard(number)
            self._is_idle = False
            if not self._terms and len(self._processes) < self._slots:
                self._take_up(store)

    def _take_up(self, store: Store) -> None:
        """Claim runs, the oldest first, as long as there are slots."""
        for run in submitted.waiting(store.connection, time.time(), self._programs):
            if run.id in self._processes or self._left.is_left(run):
                continue
            self._given_back.add(run.id)  # where the store goes away before it is known how the claim ended
            is_ours = submitted.claim(store.connection, run, self._holder, engines.TERM, time.time())
            self._given_back.discard(run.id)
            if is_ours:
                self._start(run)
            if len(self._processes) >= self._slots:
                return
        self._is_idle = True

    def _start(self, run: Waiting) -> None:
        order = Order(connectable(self._location), run.run_id, self._holder.token)
        process = self._processes[run.id] = RunProcess(run, order, self._events.put)
        self._say_of(run, f"taken up by process {process.pid}")

    # what happens

    def _hear(self) -> None:
        """Wait until something happens or it is time to look, then take in everything that has happened."""
        with suppress(Empty):
            self._take_in(self._events.get(timeout=self._wait))
            while True:
                self._take_in(self._events.get_nowait())

    def _take_in(self, event: Event) -> None:
        if isinstance(event, RunProcess):
            del self._processes[event.run.id]
            self._given_back.add(event.run.id)
            self._say_of(event.run, self._left.verdict(event.run, event.result(), is_ending=self._terms > 0))
        elif isinstance(event, int):
            self._told_to_end(event)

    def _told_to_end(self, number: int) -> None:
        """SIGTERM drains at first; SIGINT, and whatever comes after that, interrupts, and then kills."""
        self._terms = max(self._terms + 1, 2 if number == signal.SIGINT else 1)
        processes = list(self._processes.values())
        how = {1: "no new runs", 2: "its runs are interrupted"}.get(self._terms, "its runs are killed")
        left = f"; {len(processes)} in progress" if processes else ""
        self._say(f"{signal.Signals(number).name}: {how}{left}")
        for process in processes:
            (process.release, process.interrupt, process.kill)[min(self._terms, 3) - 1]()

    @contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, lambda heard, _: self._events.put(heard)) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self) -> None:
        """Leave nothing behind: no process, and no row of a store that is there."""
        for process in self._processes.values():
            process.kill()
        if self._store is not None:
            with suppress(StoreError), reported(self._location):
                engines.strike_off(self._store.connection, self._holder)
        self._close()

    def _close(self) -> None:
        if self._store is not None:
            with suppress(StoreError), reported(self._location):
                self._store.close()
        self._store = None

    def _say_of(self, run: Waiting, text: str) -> None:
        self._say(f"run {run.run_id} of program {run.program}: {text}")

    def _say(self, text: str) -> None:
        with loss_accepted():
            click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {plain(text)}")
