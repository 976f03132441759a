"""Waking an engine of this host, so that it need not poll: a datagram to its loopback port, with its token."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any


def wake(row: Any) -> None:
    """Tell the engine that a row of runs or engines names to look into the store, where it is on this host."""
    if row.wake is None or row.holder_host != socket.gethostname():
        return
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(row.holder.encode(), ("127.0.0.1", row.wake))
