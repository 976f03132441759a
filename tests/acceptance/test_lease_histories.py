"""Jepsen's question: can what eight clients saw of one lease, while some were stopped or killed, be explained?"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from eventcore.record import lease, schema
from eventcore.record.store import Store, opened
from tests.acceptance import lease_client
from tests.crash.processes import Scripts, eventually, state_of
from tests.eventcore.record.places import KINDS, SHARED
from tests.model.linearizability import Lease, Operation, is_linearizable, leases

CLIENTS = 8
FAULTS = 24
TERM = 0.2


def operations(file: Path) -> Iterator[Operation]:
    """What one client asked and heard; what it was in the middle of when it was killed has no end."""
    asked = None
    for line in file.read_text().splitlines():
        told = json.loads(line)
        if isinstance(told[0], str):
            name, token, called = told
            asked = Operation(file.stem, name, token, called)
            continue
        assert asked is not None
        yield Operation(asked.client, asked.name, asked.argument, asked.called, *told)
        asked = None
    if asked is not None:
        yield asked


def looked(store: Store) -> Operation:
    """What a reader sees."""
    written = select(func.count()).select_from(schema.facts).scalar_subquery()
    query, called = select(schema.runs.c.holder, written), time.monotonic_ns()
    holder, count = store.connection.execute(query).one()
    return Operation("reader", "read", None, called, time.monotonic_ns(), [holder, count])


class Clients:
    """The clients of a test, as processes."""

    def __init__(self, scripts: Scripts, location: str) -> None:
        self._scripts = scripts
        self._location = location
        self._number = 0
        self.alive = [self._start() for _ in range(CLIENTS)]

    def _start(self) -> subprocess.Popen[str]:
        self._number += 1
        folder = self._scripts.folder
        return self._scripts.start(Path(lease_client.__file__), self._location, f"c{self._number}", folder, TERM)

    def harm(self, chance: random.Random, holder: int | None) -> None:
        """Stop one, most often the holder, for a while, maybe past its term; or kill it and have another one begin."""
        holders = [client for client in self.alive if client.pid == holder]
        victim = holders[0] if holders and chance.random() < 0.7 else chance.choice(self.alive)
        if chance.random() < 0.7:
            victim.send_signal(signal.SIGSTOP)
            eventually(lambda: state_of(victim.pid) in "TZ", "the stop")
            time.sleep(chance.random() * 3 * TERM)
            victim.send_signal(signal.SIGCONT)
        else:
            victim.kill()
            victim.wait()
            self.alive[self.alive.index(victim)] = self._start()


@pytest.mark.parametrize("kind", SHARED)
def test_what_clients_see_of_a_lease_is_what_one_lease_can_show(scripts: Scripts, tmp_path: Path, kind: str) -> None:
    location, chance, looks = KINDS[kind](tmp_path), random.Random(), list[Operation]()
    with closing(opened(location, "normal")) as store:
        me = lease.this_engine("me")
        row = store.create_run("r", "program", None, "{}", me, 30.0, time.time())
        initial = Lease("me", row.turn, 0)
        clients = Clients(scripts, location)
        looks.append(looked(store))
        store.release(me)
        released = Operation("me", "give up", "me", looks[-1].returned, time.monotonic_ns())
        eventually(lambda: looked(store).answer[1] > 0, "the first turn")
        for _ in range(FAULTS):
            looks.append(looked(store))
            clients.harm(chance, store.connection.execute(select(schema.runs.c.holder_pid)).scalar_one())
        (tmp_path / "stop").touch()
        for client in clients.alive:
            _, told = client.communicate(timeout=600)
            assert client.returncode == 0, told
        looks.append(looked(store))
        history = [released, *looks, *(one for file in tmp_path.glob("*.history") for one in operations(file))]
        (tmp_path / "history.json").write_text("\n".join(map(str, history)))
        takes = [one for one in history if one.name == "take" and one.is_known]
        turns = [one for one in history if one.name == "turn" and one.is_known]
        assert len({one.client for one in takes if one.answer != "refused"}) > 1
        assert {one.answer for one in turns} >= {"ok"}
        assert is_linearizable(history, initial, leases(store.backend.is_remote)), f"see {tmp_path}/history.json"
