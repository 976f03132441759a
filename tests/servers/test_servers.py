"""The servers that tests run: shared and of a test's own, and gone when their tests are."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.servers.served import Served, server, shared
from tests.servers.software import GUARDED, PASSWORD, SOFTWARE, USER
from tests.servers.stores import KEPT, mariadb, postgresql
from tests.support import ROOT

PLACES = {"postgresql": postgresql, "mariadb": mariadb}
ASKING = """
import sys, time
from pathlib import Path
from tests.servers.served import {asks}
found = {asks}({kind!r})
print((found.__enter__() if {asks!r} == "server" else found).pid, flush=True)
sys.stdin.read()
"""


def connected(location: str, **options: Any) -> Any:
    """A connection of the kind's driver to a place, which commits each statement."""
    parts = urlsplit(location)
    user: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "autocommit": True,
        **options,
    }
    if parts.scheme == "postgresql":
        import psycopg

        return psycopg.connect(dbname=parts.path[1:], **user | dict(parse_qsl(parts.query)))
    import pymysql

    return pymysql.connect(database=parts.path[1:] or None, ssl_disabled=True, **user)


def said(connection: Any, *statements: str) -> list[tuple[Any, ...]]:
    """What a server answers to the last of some statements."""
    with closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def own(found: Served) -> str:
    """The URL of a server's first database."""
    return f"{found.kind}://{USER}@127.0.0.1:{found.port}/{'postgres' if found.kind == 'postgresql' else 'mysql'}"


@pytest.mark.parametrize("kind", SOFTWARE)
def test_places_are_empty_and_apart_from_each_other(kind: str, tmp_path: Path) -> None:
    places = [PLACES[kind](tmp_path) for _ in range(3)]
    for number, place in enumerate(places):
        with closing(connected(place)) as connection:
            said(connection, "CREATE TABLE t (a INT)", f"INSERT INTO t VALUES ({number})", "SELECT 1")
    for number, place in enumerate(places):
        with closing(connected(place)) as connection:
            assert said(connection, "SELECT a FROM t") == [(number,)]


@pytest.mark.parametrize("kind", SOFTWARE)
def test_the_oldest_places_are_taken_away(kind: str, tmp_path: Path) -> None:
    schemas = "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'store\\_{}\\_%'"
    for _ in range(KEPT + 3):
        place = PLACES[kind](tmp_path)
    with closing(connected(place)) as connection:
        assert said(connection, schemas.format(os.getpid())) == [(KEPT,)]


@pytest.mark.parametrize("kind", SOFTWARE)
def test_a_killed_server_is_back_with_what_was_committed(kind: str) -> None:
    with server(kind) as found:
        port = found.port
        with closing(connected(own(found))) as connection:
            said(connection, "CREATE TABLE t (a INT)", "SELECT 1")
        for number in range(3):
            with closing(connected(own(found))) as connection:
                said(connection, f"INSERT INTO t VALUES ({number})", "SELECT 1")
                found.kill()
                with pytest.raises(Exception, match=r"(?i)lost|closed|gone|terminat"):
                    said(connection, "SELECT 1")
            with pytest.raises(Exception, match="refused"):
                connected(own(found))
            assert found.start().port == port
        found.stop()
        assert found.pid is None
        found.start()
        with closing(connected(own(found))) as connection:
            assert said(connection, "SELECT a FROM t ORDER BY a") == [(0,), (1,), (2,)]


@pytest.mark.parametrize("kind", SOFTWARE)
def test_one_user_needs_a_password(kind: str) -> None:
    location = own(shared(kind)).replace(f"{USER}@", f"{GUARDED}@")
    connected(location, password=PASSWORD).close()
    with pytest.raises(Exception, match=r"denied|password"):
        connected(location, password="wrong")


def test_settings_reach_a_server() -> None:
    with server("postgresql", "wal_level=logical") as found, closing(connected(own(found))) as connection:
        assert said(connection, "SHOW wal_level") == [("logical",)]


@pytest.mark.parametrize("kind", SOFTWARE)
def test_workers_of_a_session_share_a_server_which_ends_with_the_last_of_them(kind: str) -> None:
    session = {"PYTEST_XDIST_TESTRUNUID": f"another one of {os.getpid()}"}
    workers = [_asking(kind, "shared", **session) for _ in range(3)]
    pids = {_line(worker) for worker in workers}
    assert len(pids) == 1
    end = os.pidfd_open(pids.pop())
    for worker in workers:
        assert not _is_over(end, 0)
        worker.kill()
        worker.communicate()
    assert _is_over(end, 60)
    os.close(end)


@pytest.mark.parametrize("kind", SOFTWARE)
def test_a_server_ends_with_a_killed_test_and_with_its_killed_guardian(kind: str) -> None:
    for victim in ("test", "guardian"):
        with _asking(kind, "server") as test:
            pid = _line(test)
            end = os.pidfd_open(pid)
            folder = Path(os.readlink(f"/proc/{pid}/cwd")).parent
            guardian = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(test.pid if victim == "test" else guardian, signal.SIGKILL)
            assert _is_over(end, 60)
            os.close(end)
            test.kill()
            test.communicate()
        if victim == "guardian":
            subprocess.run(["rm", "-r", folder], check=True)


def _asking(kind: str, asks: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASKING.format(kind=kind, asks=asks)], cwd=ROOT, env=os.environ | environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _line(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return int(line)


def _is_over(end: int, seconds: float) -> bool:
    return bool(select.select([end], [], [], seconds)[0])
