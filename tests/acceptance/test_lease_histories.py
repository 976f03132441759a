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
from msgspec.structs import replace
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
        returned, answer, again, unheard = told
        yield replace(asked, returned=returned, answer=answer, again=again > 0)
        if asked.name == "take":
            yield from [asked] * unheard  # each of these may have taken effect before
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

    def __init__(self, scripts: Scripts, location: str, *, are_elsewhere: bool = False) -> None:
        self._scripts = scripts
        self._location = location
        self._are_elsewhere = are_elsewhere  #: whether each is as on a host of its own
        self._number = 0
        self.alive = [self._start() for _ in range(CLIENTS)]

    def _start(self) -> subprocess.Popen[str]:
        self._number += 1
        name, folder = f"c{self._number}", self._scripts.folder
        host = [f"host-of-{name}"] if self._are_elsewhere else []
        return self._scripts.start(Path(lease_client.__file__), self._location, name, folder, TERM, *host)

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


class Watched:
    """A lease for which clients compete while a test does harm, and what all of them and a reader saw."""

    def __init__(self, scripts: Scripts, store: Store, location: str, *, are_elsewhere: bool = False) -> None:
        """Have the clients begin; they reach the store at a location of their own."""
        self.store = store
        self._folder = scripts.folder
        me = lease.this_engine("me")
        row = store.create_run("r", "program", None, "{}", me, 30.0, time.time())
        self._initial = Lease("me", row.turn, 0)
        self.clients = Clients(scripts, location, are_elsewhere=are_elsewhere)
        self._seen = [looked(store)]
        store.release(me)
        self._seen.append(Operation("me", "give up", "me", self._seen[-1].returned, time.monotonic_ns()))
        eventually(lambda: looked(store).answer[1] > 0, "the first turn")

    def harm(self, chance: random.Random) -> None:
        """Look, and do harm to a client."""
        self.look()
        holder = self.store.connection.execute(select(schema.runs.c.holder_pid)).scalar_one()
        self.clients.harm(chance, holder)

    def look(self) -> None:
        """See who has the lease."""
        self._seen.append(looked(self.store))

    def assert_that_one_lease_can_show_this(self) -> list[Operation]:
        """Have the clients end; returns what they saw."""
        (self._folder / "stop").touch()
        for client in self.clients.alive:
            _, told = client.communicate(timeout=600)
            assert client.returncode == 0, told
        self.look()
        files = self._folder.glob("*.history")
        history = [*self._seen, *(one for file in files for one in operations(file))]
        (self._folder / "history.json").write_text("\n".join(map(str, history)))
        takes = [one for one in history if one.name == "take" and one.is_known]
        turns = [one for one in history if one.name == "turn" and one.is_known]
        assert len({one.client for one in takes if one.answer != "refused"}) > 1
        assert {one.answer for one in turns} >= {"ok"}
        model = leases(self.store.backend.is_remote)
        assert is_linearizable(history, self._initial, model), f"see {self._folder}/history.json"
        return history


@pytest.mark.parametrize("kind", SHARED)
def test_what_clients_see_of_a_lease_is_what_one_lease_can_show(scripts: Scripts, tmp_path: Path, kind: str) -> None:
    location, chance = KINDS[kind](tmp_path), random.Random()
    with closing(opened(location, "normal")) as store:
        watched = Watched(scripts, store, location)
        for _ in range(FAULTS):
            watched.harm(chance)
        watched.assert_that_one_lease_can_show_this()
