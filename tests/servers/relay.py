"""What stands between a client and a server: `python -m tests.servers.relay PORT`, told what to do on standard input.

One thread serves all connections and sleeps in `select`, which is exact to microseconds where `epoll` is to
milliseconds. Ends with its standard input.
"""

from __future__ import annotations

import ctypes
import json
import select
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

BACKLOG = 100
FULL = 1 << 20  #: bytes on their way in one direction
PIECE = 1 << 16
SET_TIMER_SLACK = 29  #: of prctl, in nanoseconds
EXACT = 1


@dataclass
class Orders:
    """What is to be done with connections."""

    delays: tuple[float, float] = (0.0, 0.0)  #: seconds, from the client and from the server
    silent: bool = False
    marker: bytes | None = None  #: cut at the message that contains this
    nth: int = 1
    forwarded: bool = False  #: once that message has taken effect
    reset: bool = True  #: how to cut


@dataclass
class Seen:
    """What has gone by."""

    trips: int = 0  #: times that a client spoke after its server, or first
    cuts: int = 0  #: made at a marker
    connections: int = 0


@dataclass
class Way:
    """One direction of a connection."""

    source: socket.socket
    target: socket.socket
    due: deque[tuple[float, bytes]] = field(default_factory=deque)  #: b"" is the end
    size: int = 0
    ended: bool = False  #: nothing more comes
    closed: bool = False  #: and all of it has been passed on

    def put(self, data: bytes, moment: float) -> None:
        """Take what has come; it is to be passed on then."""
        self.due.append((moment, data))
        self.size += len(data)
        self.ended = not data

    def pass_on(self, now: float) -> None:
        """Pass on what is due and fits."""
        while self.due and self.due[0][0] <= now:
            moment, data = self.due.popleft()
            if not data:
                self.target.shutdown(socket.SHUT_WR)
                self.closed = True
                return
            try:
                sent = self.target.send(data)
            except BlockingIOError:
                sent = 0
            self.size -= sent
            if sent < len(data):
                self.due.appendleft((moment, data[sent:]))
                return


class Link:
    """A client's connection and the one to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
        self.client, self.server = client, server
        self.out, self.back = Way(client, server), Way(server, client)
        self.tail = b""  #: the last of what the client said, where a marker may have begun
        self.answered = True  #: the server was the last to speak
        self.doomed = False  #: to be cut as soon as the server has answered
        self.drained = False  #: to be cut as soon as the server has ended

    def count(self, marker: bytes, data: bytes) -> int:
        """How often the marker ends in what the client has just said."""
        text = self.tail + data
        self.tail = text[len(text) - len(marker) + 1 :] if len(marker) > 1 else b""
        return text.count(marker)

    def cut(self, reset: bool) -> None:
        """End both connections, as a crash does (RST) or in good order (FIN)."""
        for end in (self.client, self.server):
            if reset:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


class Relay:
    """All connections, and what is to be done with them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.orders, self.seen = Orders(), Seen()
        self.links: list[Link] = []
        self.listener: socket.socket | None = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.place = self.listener.getsockname()
        self.plug: socket.socket | None = None  #: nobody else is let in while this one waits
        self.plugged: Any = None  #: where that comes from

    def serve(self) -> None:
        """Forward until standard input ends."""
        print(json.dumps({"port": self.place[1]}), flush=True)
        while True:
            readers, writers, wait = self._awaited()
            readable, _, _ = select.select(readers, writers, [], wait)
            if sys.stdin in readable:
                line = sys.stdin.readline()
                if not line:
                    return
                self._told(json.loads(line))
                continue
            if self.listener and self.listener in readable:
                self._accept(self.listener)
            now = time.monotonic()
            for link in list(self.links):
                try:
                    self._forward(link, readable, now)
                except OSError:
                    self._cut(link, reset=True)

    def _awaited(self) -> tuple[list[Any], list[Any], float | None]:
        """Who may have said something, who may hear again, and when something is due."""
        readers: list[Any] = [sys.stdin, *([self.listener] if self.listener and not self.plug else [])]
        writers: list[Any] = []
        moments: list[float] = []
        now = time.monotonic()
        for link in self.links if not self.orders.silent else []:
            for way in (link.out, link.back):
                if not way.ended and way.size < FULL and not (link.drained and way is link.out):
                    readers.append(way.source)
                if way.due and way.due[0][0] <= now:
                    writers.append(way.target)
                elif way.due:
                    moments.append(way.due[0][0])
        return readers, writers, max(0.0, min(moments) - now) if moments else None

    def _accept(self, listener: socket.socket) -> None:
        client, address = listener.accept()
        if address == self.plugged:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            client.close()
            return
        self.seen.connections += 1
        self.links.append(Link(client, server))

    def _forward(self, link: Link, readable: list[Any], now: float) -> None:
        if link.client in readable:
            data = link.client.recv(PIECE)
            self.seen.trips += bool(data) and link.answered
            link.answered = False
            if not self._heard(link, data, now):
                return
        if link.server in readable:
            data = link.server.recv(PIECE)
            link.answered = True
            if not link.doomed:
                link.back.put(data, now + self.orders.delays[1])
            elif not data:
                self._strike(link)
                return
            elif not link.drained:
                link.server.shutdown(socket.SHUT_WR)  # it does what it has been told, and then ends
                link.drained = True
        if not self.orders.silent:
            link.out.pass_on(now)
            link.back.pass_on(now)
        if link.out.closed and link.back.closed:
            self._cut(link, reset=False)

    def _heard(self, link: Link, data: bytes, now: float) -> bool:
        """Take what the client says, unless that is what it is to be cut at."""
        orders = self.orders
        if data and orders.marker is not None and not link.doomed:
            orders.nth -= link.count(orders.marker, data)
            if orders.nth <= 0:
                orders.marker = None
                link.doomed = True
                if not orders.forwarded:
                    self._strike(link)
                    return False
        link.out.put(data, now + orders.delays[0])
        return True

    def _strike(self, link: Link) -> None:
        self._cut(link, self.orders.reset)
        self.seen.cuts += 1

    def _cut(self, link: Link, reset: bool) -> None:
        link.cut(reset)
        self.links.remove(link)

    def _told(self, order: dict[str, Any]) -> None:
        """Do something, and say what has gone by until now."""
        for name, value in order.items():
            match name:
                case "cut":
                    for link in list(self.links):
                        self._cut(link, reset=value)
                case "refuse":
                    self._refuse(value)
                case "silent":
                    self._be_silent(value)
                case "marker":
                    self.orders.marker = value.encode("latin1")
                case _:
                    setattr(self.orders, name, value)
        print(json.dumps({**vars(self.seen), "open": len(self.links)}), flush=True)

    def _refuse(self, refuse: bool) -> None:
        if refuse and self.listener:
            self.listener.close()
            self.listener = None
        elif not refuse and not self.listener:
            self.listener = socket.create_server(self.place, backlog=BACKLOG)

    def _be_silent(self, silent: bool) -> None:
        """Who connects meets with silence, too: the system drops what comes to a full queue."""
        self.orders.silent = silent
        if self.plug:
            self.plug.close()
            self.plug = None
        if self.listener:
            self.listener.listen(0 if silent else BACKLOG)
            if silent:
                self.plug = socket.socket()
                self.plug.setblocking(False)  # a client may have filled the queue
                self.plug.connect_ex(self.place)
                self.plugged = self.plug.getsockname()


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(SET_TIMER_SLACK, EXACT)
    Relay(int(sys.argv[1])).serve()
