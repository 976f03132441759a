"""How an engine learns of new requests: a datagram to a loopback port, so that it need not poll."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable


class Waker:
    """Calls `heard` for each datagram that has the token, from a thread of its own, until `close`.

    A datagram carries nothing else: requests are read from the store.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._closing = False
        self._thread: threading.Thread | None = None

    def listen(self, heard: Callable[[], None]) -> None:
        """Begin to listen."""
        self._thread = threading.Thread(target=self._run, args=(heard,), name="eventcore-waker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing = True
        if self._thread is not None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(self.token.encode(), ("127.0.0.1", self.port))
            self._thread.join()
        self._socket.close()

    def _run(self, heard: Callable[[], None]) -> None:
        while not self._closing:
            said = self._socket.recv(256)
            if not self._closing and secrets.compare_digest(said, self.token.encode()):
                heard()
