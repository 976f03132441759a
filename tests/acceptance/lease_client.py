"""A client that takes a lease, writes turns and gives it up, again and again; it tells what it asked and heard."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from eventcore.decide.changes import Changes
from eventcore.errors import LeaseLostError, RunHeldError
from eventcore.record import lease
from eventcore.record.database import transaction
from eventcore.record.store import Store, opened


class History:
    """The file of what one client asked and heard: a line for each call and each return, written at once."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    @contextmanager
    def operation(self, name: str, token: str) -> Iterator[list[object]]:
        """One operation; its answer is put into the list. One that raises is one of which nobody knows what it did."""
        answer: list[object] = []
        self._write(name, token, time.monotonic_ns())
        yield answer
        self._write(time.monotonic_ns(), answer[0])

    def _write(self, *what: object) -> None:
        os.write(self._file, json.dumps(what).encode() + b"\n")


def works(store: Store, history: History, token: str, term: float) -> None:
    """Take the lease and write some turns, if nobody else has it."""
    row, holder = store.find_run(None, "r"), lease.this_engine(token)
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
        with transaction(store.connection) as connection:
            lease.give_up(connection, row.id, holder)
        answer.append(None)


def main(location: str, name: str, folder: str, term: str) -> None:
    """Go on until there is a file `stop` in the folder."""
    history, number = History(Path(folder, f"{name}.history")), 0
    with closing(opened(location, "normal")) as store:
        while not Path(folder, "stop").exists():
            number += 1
            works(store, history, f"{name}.{number}", float(term))
            time.sleep(random.random() * 0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
