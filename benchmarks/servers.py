"""What a turn costs on a server, beside one insert and its commit there, and beside each statement by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from sqlalchemy import URL, create_engine, select, update

from benchmarks.programs import chain
from eventcore.record import schema as t
from eventcore.record.backend import Backend
from eventcore.record.statements import Row, Statement
from eventcore.record.store import Store
from eventcore.record.turns import statements
from tests.servers.proxy import Proxy
from tests.servers.served import server
from tests.servers.software import SOFTWARE, USER

HOLDER = "bench"
WARMING = 20  #: turns before it counts: a server plans a statement anew five times

#: how a server of each kind is started: as tests do, and so that a commit is on disk
SETTINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "postgresql": {"fsync off": (), "fsync on": ("fsync=on",)},
    "mariadb": {"fsync off": (), "fsync on": ("--debug-no-sync=0", "--innodb-flush-log-at-trx-commit=1")},
}

DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}


def missing(kind: str) -> str | None:
    """The command of a server's software that this machine lacks."""
    software = SOFTWARE[kind]
    return next((command for command in software.commands if software.command(command) is None), None)


@contextmanager
def served(kind: str, settings: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """The location of an empty store on a server of its own, and the server's port."""
    with server(kind, *settings) as found:
        database = {"postgresql": "postgres", "mariadb": "mysql"}[kind]
        url = URL.create(DRIVERS[kind], USER, host="127.0.0.1", port=found.port, database=database)
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE bench")
        engine.dispose()
        yield f"{kind}://{USER}@127.0.0.1:{found.port}/bench", found.port


class Turns:
    """Writes turns of a chain, `width` steps in each: a fact, a task over, the next task and a result for each step."""

    def __init__(self, location: str, width: int) -> None:
        chain(location, 1, "invoke")
        self._store = Store(location, "normal")
        self.backend = self._store.backend
        self._width = width
        self._number = self._turn = 0
        self._made = statements(type(self.backend))
        connection = self._store.connection
        connection.execute(update(t.runs).values(holder=HOLDER, turn=0))
        self._run = connection.execute(select(t.runs.c.id)).scalars().first()
        self._cursor = connection.connection.cursor()

    def close(self) -> None:
        """Leave the store."""
        self._store.close()

    def insert(self) -> float:
        """Seconds of one insert and its commit: the floor."""
        self._number += 1
        row = (self._run, f"floor {self._number}", "step", 0, '{"rows": 1234}', None)
        began = time.perf_counter()
        self._made["result"].run(self._cursor, [row])
        return time.perf_counter() - began

    def whole(self) -> float:
        """Seconds of a turn as the backend writes it."""
        return self._timed(self.backend.write_turn)

    def apart(self) -> float:
        """Seconds of a turn with a round trip for each statement."""

        def write(*arguments: object) -> bool:
            return Backend.write_turn(self.backend, *arguments)  # type: ignore[arg-type]

        return self._timed(write)

    def _timed(self, write: Callable[..., bool]) -> float:
        work = self._work()
        began = time.perf_counter()
        if not write(self._cursor, self._made["next turn"], (self._run, HOLDER, self._turn), work):
            raise SystemExit("the turn was not written")
        self._turn += 1
        return time.perf_counter() - began

    def _work(self) -> list[tuple[Statement, list[Row]]]:
        number, run, now = self._turn, self._run, time.time()
        standing = (1, None, now, None, None, None, None)
        here = [f"{number}.{place}" for place in range(self._width)]
        before = [f"{number - 1}.{place}" for place in range(self._width)]
        rows: dict[str, list[Row]] = {
            "fact": [(run, sequence, "step#success", 0, "load", now, None) for sequence in here],
            "task update": [("success", *standing, run, sequence, "step", 0) for sequence in before],
            "task": [(run, sequence, "step", 0, "load", now, "active", *standing) for sequence in here],
            "result": [(run, sequence, "step", 0, '{"rows": 1234}', None) for sequence in here],
        }
        return [(self._made[name], made) for name, made in rows.items()]


def compared(location: str, width: int, count: int, names: tuple[str, ...]) -> dict[str, float]:
    """The median seconds of each way of writing that is named, one of each at a time."""
    turns = Turns(location, width)
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(WARMING + count):
        for name in names:
            seconds = getattr(turns, name)()
            if number >= WARMING:
                took[name].append(seconds)
    turns.close()
    return {name: median(all_of_it) for name, all_of_it in took.items()}


def one_turn(kind: str, label: str, settings: tuple[str, ...]) -> None:
    """A turn of one step, here and a millisecond away, and one of fifty."""
    title = f"{kind}, {label}"
    with served(kind, settings) as (location, port):
        _beside_floor(f"turn, {title}", compared(location, 1, 400, ("insert", "whole", "apart")))
    with served(kind, settings) as (location, port), Proxy(port) as proxy:
        proxy.delay(0.5)
        _beside_floor(f"turn, {title}, 1 ms away", compared(proxy.url(location), 1, 100, ("insert", "whole")))
    with served(kind, settings) as (location, _):
        found = compared(location, 50, 40, ("whole", "apart"))
        rates = {name: 50 / seconds for name, seconds in found.items()}
        print(f"{f'50 steps a turn, {title}':<44} {rates['whole']:>9,.0f} steps/s   a trip for each statement "
              f"{rates['apart']:>9,.0f}   ratio {rates['whole'] / rates['apart']:.2f}")  # fmt: skip


def whole_chain(kind: str, label: str, settings: tuple[str, ...], count: int = 200) -> None:
    """A chain of steps run in the engine."""
    with served(kind, settings) as (location, _):
        took = median(chain(location, count, "invoke") for _ in range(3))
    print(f"{f'invoke chain of {count}, {kind}, {label}':<44} {count / took:>9,.0f}/s")


def _beside_floor(name: str, found: Mapping[str, float]) -> None:
    apart = f"   a trip for each statement {1e6 * found['apart']:,.0f} us" if "apart" in found else ""
    print(f"{name:<44} {1e6 * found['whole']:>9,.0f} us  floor {1e6 * found['insert']:>9,.0f} us   "
          f"ratio {found['whole'] / found['insert']:.2f}{apart}")  # fmt: skip
