"""One database server, run for those who asked for it: `python -m tests.servers.guardian KIND NAME PID [SETTING ...]`.

Whoever says something to it, at the abstract socket of that name, holds the server, as does the process PID. When all
of them have ended, however they did, the server and its folder are taken away. If this process is killed, the server
ends with it.
"""

from __future__ import annotations

import errno
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.servers.software import SOFTWARE, Software, environment, ordinary

PATIENCE = 120.0  #: seconds in which a server has to be up, on a busy machine
PORTS = range(20_000, 32_000)  #: which the system gives to nobody who asks for any


class Server:
    """A server in a folder of its own, which may be stopped, killed and started again on the same port."""

    def __init__(self, software: Software, settings: Sequence[str]) -> None:
        self.software, self.settings = software, settings
        self.folder = Path(tempfile.mkdtemp(prefix=f"{software.name}-", dir="/tmp"))  # a socket's path is short
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Run it and wait until it takes connections."""
        if self.process is not None:
            return
        if not self.port:
            self._install()
        for port in [self.port] * 3 if self.port else random.sample(PORTS, 5):
            if _is_free(port) and self._started(port):
                self.port = port
                return
        raise RuntimeError(f"{self.software.name} does not start:\n{(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it in good order: it ends connections, and then itself."""
        self._end(signal.SIGINT if self.software.name == "postgresql" else signal.SIGTERM)

    def kill(self) -> None:
        """End it and all its processes at once, as a crash does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)  # so that it neither starts more nor mourns
            pid = self.process.pid
            children = list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._end(signal.SIGKILL)
            _wait_until_gone(children)
            self.software.tidy(self.folder)

    def remove(self) -> None:
        """End it and leave nothing."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _install(self) -> None:
        user, _ = ordinary()
        if user is not None:
            os.chown(self.folder, user, -1)
        self.software.install(self.folder)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def _started(self, port: int) -> bool:
        user, group = ordinary()
        command = self.software.start(self.folder, port, self.settings)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *command], cwd=self.folder, env=environment(self.folder),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, user=user, group=group,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while not self.software.is_ready(self.folder):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                return False
            time.sleep(0.01)
        return True


def _is_free(port: int) -> bool:
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            found.bind(("127.0.0.1", port))
            return True
    return False


def _wait_until_gone(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            watched = os.pidfd_open(pid)
            select.select([watched], [], [], PATIENCE)
            os.close(watched)


class Guardian:
    """Does what it is told with a server until nobody is left who could tell it anything."""

    def __init__(self, server: Server, listener: socket.socket, starter: int) -> None:
        self.server, self.listener = server, listener
        self.holders: dict[int, int] = {}  #: their ends, by process
        self.hold(starter)

    def hold(self, pid: int) -> None:
        """Stay for as long as a process."""
        if pid not in self.holders:
            with suppress(ProcessLookupError):
                self.holders[pid] = os.pidfd_open(pid)

    def serve(self) -> None:
        """Answer until all holders have ended, or somebody says `end`."""
        while self.holders:
            awaited: list[Any] = [self.listener, *self.holders.values()]
            ready, _, _ = select.select(awaited, [], [])
            if self.listener in ready and not self._answered():
                return
            for pid, end in list(self.holders.items()):
                if end in ready:
                    os.close(self.holders.pop(pid))

    def _answered(self) -> bool:
        client, _ = self.listener.accept()
        with client, suppress(BrokenPipeError, ConnectionResetError):
            pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            self.hold(pid)
            verb = client.recv(100).decode()
            if verb == "end":
                self.server.remove()
            client.sendall(json.dumps(self._done(verb)).encode())
            return verb != "end"
        return True

    def _done(self, verb: str) -> dict[str, Any]:
        try:
            if verb in {"start", "stop", "kill"}:
                getattr(self.server, verb)()
        except (OSError, RuntimeError) as error:
            return {"error": str(error)}
        process = self.server.process
        return {"port": self.server.port, "folder": str(self.server.folder), "pid": process.pid if process else None}


def main(kind: str, name: str, starter: int, settings: Sequence[str]) -> None:
    """Serve in the background until nobody is left; if another one serves there, be content with that."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(f"\0{name}")
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return
            raise
        listener.listen(100)
        if os.fork():
            return  # whoever started this may go on: it can be spoken to
        for output in (1, 2):  # which somebody may read to its end
            os.dup2(0, output)
        server = Server(SOFTWARE[kind], settings)
        try:
            Guardian(server, listener, starter).serve()
        finally:
            server.remove()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
