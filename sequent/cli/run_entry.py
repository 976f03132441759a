"""The inside of a process that an engine starts for one submitted run: it loads the program, and runs it.

Its orders come through a pipe, and the end of the pipe is the end of the engine, with which it ends at once. What
became of the run goes back through another one.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from eventcore.define.passwords import withheld

RELEASE = b"release\n"  #: leave the run once only time or a user can bring more


class Order(msgspec.Struct, frozen=True):
    """What a process is to do; the location comes with its password, which no command line and environment has."""

    store: str
    run_id: str
    claim: str  #: the token under which the engine has claimed the run for the process


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of it: one of these."""

    state: str | None = None  #: of the run, as the process left it
    left: str | None = None  #: why this engine cannot run it
    error: str | None = None  #: why it could not go on


def main(orders: int, results: int) -> None:
    """Carry out one order; both are file descriptors of pipes."""
    for end in (orders, results):
        os.set_inheritable(end, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: None)  # service managers send the engine's to all its processes
    reader = open(orders, "rb")  # noqa: SIM115  a thread reads it to the end of the process
    line = reader.readline()
    if not line.endswith(b"\n"):  # the engine has died since it started this process
        return
    order = msgspec.json.decode(line, type=Order)
    order = replace(order, store=withheld(order.store))
    leash = Leash(reader)
    try:
        result = _carried_out(order, leash)
    except KeyboardInterrupt:
        result = Result(state="interrupted")
    with suppress(BrokenPipeError), open(results, "wb") as writer:  # the engine may have died just now
        writer.write(msgspec.json.encode(result))


class Leash:
    """Hears from the engine, and ends this process where the engine is gone."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        self._is_released = False
        self._release: Callable[[], None] = lambda: None
        threading.Thread(target=self._listen, name="sequent-leash", daemon=True).start()

    def on_release(self, release: Callable[[], None]) -> None:
        """Call `release` when the engine says so, or at once where it has done so."""
        self._release = release
        if self._is_released:
            release()

    def _listen(self) -> None:
        for line in self._reader:
            if line == RELEASE:
                self._is_released = True
                self._release()
        os.kill(os.getpid(), signal.SIGKILL)


def _carried_out(order: Order, leash: Leash) -> Result:
    from eventcore.define.status import RunMode
    from eventcore.errors import EventcoreError, RunHeldError, StoreError
    from eventcore.record.lease import hand_over
    from eventcore.run.submitting import release
    from sequent.cli.entry import EntryObserver
    from sequent.cli.target import Target, last_words, load_program

    hand_over(order.claim)
    try:
        program = load_program(Target(order.store, store=order.store), {}, order.run_id)
        reason = _difference(order, program.document)
    except StoreError as error:  # such as a server that went away just now
        return Result(error=str(error))
    except EventcoreError as error:
        return Result(left=str(error))
    except (Exception, SystemExit) as error:  # of the user's code
        return Result(left=last_words(error))
    if reason is not None:
        return Result(left=reason)
    program.use_store(order.store)
    program.configure({"console": "quiet"})
    _log_nowhere_else(program.config.logging_level)
    program.add_observer(EntryObserver(lambda _: leash.on_release(lambda: release(program))))
    try:
        program.run(run_mode=RunMode.continue_, run_id=order.run_id)
    except RunHeldError:
        return Result(state="taken up by another engine")
    except EventcoreError as error:
        return Result(error=str(error))
    return Result(state=_state(order))


def _log_nowhere_else(level: int) -> None:
    """Have the run's lines in its logs alone: the engine's output would mix those of all its runs."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(level)


def _difference(order: Order, document: str) -> str | None:
    """How the program that was loaded differs from the one that was submitted; None where it does not."""
    from eventcore.define.differences import differences
    from eventcore.define.stored import read
    from eventcore.record.database import reported
    from eventcore.record.store import opened

    with reported(order.store), closing(opened(order.store, create=False)) as store:
        row = store.find_run(None, order.run_id)
        submitted = store.document(row, row.recovery)
    if submitted == document:
        return None
    found = differences(read(submitted), read(document))
    return f"its program is another one here than was submitted: {found or 'it is written differently'}"


def _state(order: Order) -> str:
    import time

    from eventcore.errors import EventcoreError
    from eventcore.record.reading import reading

    with suppress(EventcoreError), reading(order.store) as reader:
        return reader.run(order.run_id, time.time()).state
    return "over"
