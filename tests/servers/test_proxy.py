"""A network that fails at the moment that a test names."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers.proxy import Proxy
from tests.servers.served import shared
from tests.servers.stores import mariadb, postgresql
from tests.servers.test_servers import connected, said

PLACES = {"postgresql": postgresql, "mariadb": mariadb}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place with a table."""
    location = PLACES[request.param](tmp_path)
    with closing(connected(location)) as connection:
        said(connection, "CREATE TABLE t (a VARCHAR(30))", "SELECT 1")
    return location


@pytest.fixture
def proxy(place: str) -> Iterator[Proxy]:
    with Proxy(shared(place.partition(":")[0]).port) as proxy:
        yield proxy


def written(place: str) -> list[str]:
    """What is in the table, whoever wrote it."""
    with closing(connected(place)) as connection:
        return [text for (text,) in said(connection, "SELECT a FROM t")]


def write(connection: Any, text: str) -> None:
    """Write in a transaction."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO t VALUES ('{text}')")
        cursor.execute("COMMIT")


def lost(connection: Any, text: str) -> bool:
    """Whether the connection is lost in writing."""
    try:
        write(connection, text)
    except Exception as error:
        assert any(word in str(error).lower() for word in ("lost", "closed", "reset", "gone", "eof"))
        return True
    return False


@pytest.mark.parametrize("reset", [True, False])
def test_a_commit_is_cut_before_it_takes_effect(place: str, proxy: Proxy, reset: bool) -> None:
    with closing(connected(proxy.url(place))) as connection:
        proxy.cut_before(b"COMMIT", 2, reset=reset)
        assert [lost(connection, text) for text in ("one", "two")] == [False, True]
    assert written(place) == ["one"]
    assert proxy.cuts == 1


@pytest.mark.parametrize("reset", [True, False])
def test_a_commit_is_cut_after_it_took_effect(place: str, proxy: Proxy, reset: bool) -> None:
    with closing(connected(proxy.url(place))) as connection:
        proxy.cut_after(b"COMMIT", 2, reset=reset)
        assert [lost(connection, text) for text in ("one", "two")] == [False, True]
    assert written(place) == ["one", "two"]
    proxy.wait_for_cut()
    with closing(connected(proxy.url(place))) as connection:
        assert not lost(connection, "three")


@pytest.mark.parametrize("reset", [True, False])
def test_connections_are_cut_and_refused_until_all_is_well_again(place: str, proxy: Proxy, reset: bool) -> None:
    with closing(connected(proxy.url(place))) as connection, closing(connected(proxy.url(place))) as other:
        assert proxy.connections == 2
        proxy.refuse()
        assert not lost(connection, "one")
        with pytest.raises(Exception, match="refused"):
            connected(proxy.url(place))
        proxy.cut(reset=reset)
        assert lost(connection, "two")
        assert lost(other, "two")
    proxy.heal()
    with closing(connected(proxy.url(place))) as connection:
        assert not lost(connection, "three")
    assert written(place) == ["one", "three"]


def test_in_silence_nothing_arrives_and_nobody_gets_in(place: str, proxy: Proxy) -> None:
    with closing(connected(proxy.url(place))) as connection:
        write(connection, "one")
        proxy.silence()
        writer = threading.Thread(target=write, args=(connection, "two"))
        writer.start()
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", proxy.port), 0.2)
        assert written(place) == ["one"]
        proxy.heal()
        writer.join()
    assert written(place) == ["one", "two"]
    with closing(connected(proxy.url(place))) as connection:
        assert not lost(connection, "three")


def test_what_is_delayed_arrives_in_its_order(place: str, proxy: Proxy) -> None:
    proxy.delay(3, 1)
    with closing(connected(proxy.url(place))) as connection:
        for number in range(20):
            write(connection, str(number))
    assert written(place) == [str(number) for number in range(20)]


def test_round_trips_are_counted(place: str, proxy: Proxy) -> None:
    with closing(connected(proxy.url(place))) as connection:
        before = proxy.trips
        write(connection, "one")
        assert proxy.trips - before == 3


def test_large_amounts_go_both_ways_at_once(tmp_path: Path) -> None:
    """An echo, whose client does not read before it has said everything that it can."""
    much = bytes(range(256)) * 40_000
    with socket.create_server(("127.0.0.1", 0)) as listener, Proxy(listener.getsockname()[1]) as proxy:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        for marker in (None, b"never said"):
            if marker:
                proxy.cut_before(marker)
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                sender = threading.Thread(target=lambda client=client: (client.sendall(much), client.shutdown(1)))
                sender.start()
                assert client.makefile("rb").read() == much
                sender.join()


def echo(listener: socket.socket) -> None:
    """Say again what each client says."""
    for _ in range(2):
        server, _ = listener.accept()
        with server:
            while data := server.recv(1 << 16):
                server.sendall(data)


def test_a_marker_is_found_where_it_is_split() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Proxy(listener.getsockname()[1]) as proxy:
        proxy.cut_before(b"COMMIT")
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"x COM")
                assert server.recv(100) == b"x COM"
                client.sendall(b"MIT y")
                with pytest.raises(ConnectionResetError):
                    server.recv(100)
