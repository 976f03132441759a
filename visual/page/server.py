"""The server of the pages: on loopback only, and quick to stop."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from visual.errors import PortError
from visual.page.access import Access
from visual.page.app import Pages
from visual.page.engines import Engines
from visual.page.feed import Feed
from visual.page.stores import Stores

HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, feed: Feed, engines: Engines) -> None:
        super().__init__(config)
        self._feed = feed
        self._engines = engines

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Open pages and requests are let go first: the server waits for them."""
        self._feed.close()
        self._engines.leave()
        super().handle_exit(sig, frame)


def serve(stores: Stores, engines: Engines, port: int, tell: Callable[[str], None]) -> None:
    """Serve the runs of some stores until Ctrl-C; `tell` gets the address, which carries the token.

    Port 0 is any that is free. Raises `PortError` where the port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise PortError(f"port {port} is not available: {error.strerror}; give another --port") from None
        listening.listen(64)
        port = listening.getsockname()[1]
        token, feed = secrets.token_urlsafe(32), Feed()
        config = uvicorn.Config(
            Access(Pages(stores, engines, feed).app(), token, port), http="h11", ws="none", lifespan="off",
            log_config=None, access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        tell(f"http://{HOST}:{port}/?token={token}")
        _Server(config, feed, engines).run(sockets=[listening])
