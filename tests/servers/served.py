"""Servers for tests: one of each kind that all workers of a session share, and servers of a test's own."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from tests.servers.software import SOFTWARE
from tests.support import ROOT
from tests.system import not_there

LONGEST = 300.0  #: seconds that anything of a server may take
NUMBERS = itertools.count(1)


@dataclass
class Served:
    """A server at work, seen from a test."""

    kind: str
    name: str
    port: int = 0
    folder: str = ""
    pid: int | None = None  #: None while it does not run

    def start(self) -> Self:
        """Have it take connections, on the port and with the data that it had before."""
        return self._tell("start")

    def stop(self) -> Self:
        """Shut it down in good order."""
        return self._tell("stop")

    def kill(self) -> Self:
        """Have it crash."""
        return self._tell("kill")

    def end(self) -> None:
        """Take it away, with its data."""
        self._tell("end")

    def _tell(self, verb: str) -> Self:
        with socket.socket(socket.AF_UNIX) as guardian:
            guardian.settimeout(LONGEST)
            guardian.connect(f"\0{self.name}")
            guardian.sendall(verb.encode())
            answer: dict[str, Any] = json.loads(guardian.makefile("rb").read() or '{"error": "its guardian is gone"}')
        if "error" in answer:
            raise RuntimeError(f"{self.kind}: {answer['error']}")
        self.port, self.folder, self.pid = answer["port"], answer["folder"], answer["pid"]
        return self


@cache
def shared(kind: str) -> Served:
    """The server of this kind that the session's workers share; started when the first of them asks."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process {os.getpid()}")
    return _served(kind, f"tests of a session: {kind}, {session}")


@contextmanager
def server(kind: str, *settings: str) -> Iterator[Served]:
    """A server of a test's own; settings as that kind's command line takes them (`log_statement=all`, `--wait-...`)."""
    name = f"a test's own: {kind}, {os.getpid()}, {next(NUMBERS)}"
    found = _served(kind, name, *settings)
    try:
        yield found
    finally:
        found.end()


def _served(kind: str, name: str, *settings: str) -> Served:
    software = SOFTWARE[kind]
    for command in software.commands:
        if software.command(command) is None:
            not_there(f"there is no {command}, for {kind}; as root, `sh tests/packages.sh` installs it")
    guardian = [sys.executable, "-m", "tests.servers.guardian", kind, name, str(os.getpid()), *settings]
    subprocess.run(guardian, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, check=True)
    return Served(kind, name).start()
