"""Lends the password of a run's store to the programs that its steps start, while the engine lives.

It is passed through a socket in a folder that nobody but the engine's user can enter, so that it stands neither in an
environment, which a step may print, nor in a file that outlives the engine.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from eventcore.define.passwords import connectable, is_withheld, shown, withheld

PATIENCE = 5.0  #: seconds to wait for an engine that is busy
LONGEST = 20_000  #: bytes of a location


class Lender:
    """Tells a location with its password to those who ask; `close` it when the engine ends."""

    def __init__(self, location: str) -> None:
        self.location = location  #: without the password; empty for a store that no other process can open
        self._folder: Path | None = None
        self._socket: socket.socket | None = None
        self._is_over = False

    def address(self) -> str:
        """Where to ask, from now on; empty where there is nothing to tell, or nobody could ask."""
        if self._socket is None and not self._is_over and is_withheld(self.location):
            with suppress(OSError):
                self._begin()
        return "" if self._socket is None else str(self._socket.getsockname())

    def close(self) -> None:
        """Tell nobody any more; calling again does nothing."""
        self._is_over = True
        if self._socket is not None:
            with suppress(OSError):
                _asked(self._socket.getsockname())  # wakes the thread
            self._socket.close()
            self._socket = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="eventcore-"))
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self._folder / "store"))
            listener.listen()
        except OSError:  # such as a path that is too long for a socket
            listener.close()
            raise
        self._socket = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True, name="eventcore-lender").start()

    def _serve(self, listener: socket.socket) -> None:
        while not self._is_over:
            with suppress(OSError):
                asker, _ = listener.accept()
                with asker:
                    asker.settimeout(PATIENCE)
                    asker.sendall(b"" if self._is_over else connectable(self.location).encode())


def borrow(location: str, address: str) -> None:
    """Learn a location's password from the lender at an address; where there is none, it stays unknown."""
    if is_withheld(location):
        return
    with suppress(OSError, UnicodeDecodeError):
        told = _asked(address)
        if shown(told) == location:
            withheld(told)


def _asked(address: str) -> str:
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(PATIENCE)
        asker.connect(address)
        with asker.makefile("rb") as answer:
            return answer.read(LONGEST).decode()
