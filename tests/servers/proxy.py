"""A network between a program and its server that fails when a test says so."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from tests.support import ROOT

LONGEST = 300.0  #: seconds that a test waits for a connection to be cut


class Proxy:
    """Forwards connections on loopback, and does harm to them. Closed with its context.

    A message is what a client sends at once. Markers are looked for in what clients say, also where they are split.
    """

    def __init__(self, port: int) -> None:
        """Stand before the server at `port`."""
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.relay", str(port)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.port: int = self._answer()["port"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._relay.communicate()

    def url(self, location: str) -> str:
        """The same store, reached through here."""
        parts = urlsplit(location)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    def delay(self, there: float, back: float | None = None) -> None:
        """Let everything take so many milliseconds on its way to the server, and back."""
        self._tell(delays=(there / 1000, (there if back is None else back) / 1000))

    def cut(self, *, reset: bool = True) -> None:
        """End all connections: as a crash does (RST), or in good order (FIN)."""
        self._tell(cut=reset)

    def refuse(self) -> None:
        """Refuse new connections; what is connected stays so."""
        self._tell(refuse=True)

    def silence(self) -> None:
        """Lose contact, as by a cut cable: nothing arrives, and nobody is told."""
        self._tell(silent=True)

    def heal(self) -> None:
        """Forward everything again, at once, and take connections. What was said in silence arrives now."""
        self._tell(silent=False, refuse=False, delays=(0.0, 0.0))

    def cut_before(self, marker: bytes, nth: int = 1, *, reset: bool = True) -> None:
        """Cut the connection whose client says the marker, for the nth time from now, before the server hears it."""
        self._tell(nth=nth, forwarded=False, reset=reset, marker=marker.decode("latin1"))

    def cut_after(self, marker: bytes, nth: int = 1, *, reset: bool = True) -> None:
        """The same, once the message has taken effect and the server has answered: the client does not hear that.

        The server's session is over by then. At once, its client is told nothing; then it is cut.
        """
        self._tell(nth=nth, forwarded=True, reset=reset, marker=marker.decode("latin1"))

    @property
    def cuts(self) -> int:
        """How many connections were cut at a marker."""
        return int(self._tell()["cuts"])

    @property
    def trips(self) -> int:
        """How often a client spoke after the server had answered: the round trips until now."""
        return int(self._tell()["trips"])

    @property
    def connections(self) -> int:
        """How many there are."""
        return int(self._tell()["open"])

    def wait_for_cut(self, number: int = 1) -> None:
        """Wait until that many connections have been cut at a marker."""
        end = time.monotonic() + LONGEST
        while self.cuts < number:
            assert time.monotonic() < end, "no client has said the marker"
            time.sleep(0.01)

    def _tell(self, **orders: Any) -> dict[str, Any]:
        assert self._relay.stdin is not None
        self._relay.stdin.write(json.dumps(orders) + "\n")
        self._relay.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._relay.stdout is not None
        answer: dict[str, Any] = json.loads(self._relay.stdout.readline())
        return answer
