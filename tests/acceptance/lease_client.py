"""A client that takes a lease, writes turns and gives it up, again and again; it tells what it asked and heard.

It waits for a database that is away. What it asked again then may have taken effect more than once, or not as it heard.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import event

from eventcore.decide.changes import Changes
from eventcore.errors import LeaseLostError, RunHeldError, StoreError
from eventcore.record import lease, patience
from eventcore.record.database import transaction
from eventcore.record.store import Store, opened

PATIENCE = 600.0
LONGEST = 0.2  #: seconds between two tries to reach the store


class History:
    """The file of what one client asked and heard: a line for each call and each return, written at once."""

    def __init__(self, file: Path, store: Store) -> None:
        self._file = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._again = 0  #: how often what is under way was tried again
        self._is_committing = False
        self._unheard = 0  #: how often a commit of it was not answered
        event.listen(store.connection, "before_cursor_execute", self._sees)
        store.patience.seconds = PATIENCE if store.backend.is_remote else 0.0
        tried = store.patience.tried
        vars(store.patience)["tried"] = lambda work: tried(self._counted(work))

    def _counted(self, work: Callable[[bool], Any]) -> Callable[[bool], Any]:
        def counted(again: bool) -> Any:
            self._again += again
            self._is_committing = False
            try:
                return work(again)
            except Exception:
                self._unheard += self._is_committing
                raise

        return counted

    def _sees(self, connection: object, cursor: object, statement: str, *rest: object) -> None:
        self._is_committing = statement == "COMMIT"

    @contextmanager
    def operation(self, name: str, token: str) -> Iterator[list[object]]:
        """One operation; its answer is put into the list. One that raises is one of which nobody knows what it did."""
        answer: list[object] = []
        self._again = self._unheard = 0
        self._write(name, token, time.monotonic_ns())
        yield answer
        self._write(time.monotonic_ns(), answer[0], self._again, self._unheard)

    def _write(self, *what: object) -> None:
        os.write(self._file, json.dumps(what).encode() + b"\n")


def works(store: Store, history: History, token: str, term: float, host: str) -> None:
    """Take the lease and write some turns, if nobody else has it."""
    row, holder = store.find_run(None, "r"), lease.this_engine(token)
    if host:
        holder = replace(holder, host=host)
    with history.operation("take", token) as answer:
        try:
            row = store.enter_again(row, "{}", holder, term, time.time())
            answer.append(row.turn)
        except RunHeldError:
            answer.append("refused")
    if answer == ["refused"]:
        return
    writer = store.writer(row, holder, 1000)
    for number in range(random.randint(0, 6)):
        time.sleep(random.random() * 0.02)
        with history.operation("turn", token) as answer:
            try:
                writer.write(Changes(facts=[("", "event", f"{token}.{number}", None)]), time.time())
                answer.append("ok")
            except LeaseLostError:
                answer.append("lost")
        if answer == ["lost"]:
            return
    with history.operation("give up", token) as answer:
        store.patience.tried(lambda _: gives_up(store, holder))
        answer.append(None)


def gives_up(store: Store, holder: lease.Holder) -> None:
    """Give up whatever lease the holder has."""
    with transaction(store.connection) as connection:
        lease.release(connection, holder)


def opened_at_last(location: str) -> Store:
    """Open the store, which does not wait by itself."""
    while True:
        try:
            return opened(location, "normal")
        except StoreError:
            time.sleep(0.05)


def main(location: str, name: str, folder: str, term: str, host: str = "") -> None:
    """Go on until there is a file `stop` in the folder, as on a host of that name if one is given."""
    patience.LONGEST = LONGEST
    with closing(opened_at_last(location)) as store:
        history, number = History(Path(folder, f"{name}.history"), store), 0
        while not Path(folder, "stop").exists():
            number += 1
            works(store, history, f"{name}.{number}", float(term), host)
            time.sleep(random.random() * 0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
