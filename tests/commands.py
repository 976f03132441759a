"""The `sequent` command for tests, run by forks of a process that has imported what it needs.

Starting an interpreter and importing libraries is most of what a short command takes; tests that are not about that
are several times as fast this way. A command is a process of its own all the same, with its own folder, environment,
standard files and end.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("sequent")
LONGEST = 600  #: seconds
IMPORTED = ("networkx", "rich.console", "sqlalchemy", "eventcore.run.session", "sequent.cli.execution",
            "sequent.compiler.compile", "visual.live.tree")  # fmt: skip


def run_sequent(folder: Path, *arguments: str, environment: Mapping[str, str],
                told: str = "") -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run the command in a folder; `told` is its standard input. Returns what `subprocess.run` does for text."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        socket.socket(socket.AF_UNIX) as server,
    ):
        stdin.write(told.encode())
        stdin.seek(0)
        server.settimeout(LONGEST)
        server.connect(_server())
        request = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        files = [file.fileno() for file in (stdin, stdout, stderr)]
        socket.send_fds(server, [b"."], files)
        server.sendall(json.dumps(request).encode() + b"\n")
        code = int(server.recv(100) or b"1")
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess([*arguments], code, stdout.read().decode(), stderr.read().decode())


@cache
def _server() -> str:
    """Where the server of this process listens; it ends with this process."""
    place = str(Path(tempfile.mkdtemp()) / "commands")
    process = subprocess.Popen([sys.executable, "-m", __name__, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return place


def _forked(place: str) -> dict[str, Any]:
    """Serve until standard input ends; returns in the fork of each request, with that."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for those who wait for commands
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(50)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin.fileno()], [], [])
            if listener not in ready:
                sys.exit()
            client, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return _begun(client)
            client.close()


def _begun(client: socket.socket) -> dict[str, Any]:
    """Fork the command, and tell the client how it has ended; returns in the command's process alone."""
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    request: dict[str, Any] = json.loads(client.makefile("rb").readline())
    command = os.fork()
    if command:
        _, status = os.waitpid(command, 0)
        with suppress(BrokenPipeError):
            client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    client.close()
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    return request


def _become(request: Mapping[str, Any]) -> None:
    """Make this process what the command would find itself to be."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None  # which TMPDIR names
    random.seed()
    sys.argv = [str(COMMAND), *request["arguments"]]
    sys.path[0] = str(COMMAND.parent)
    main = types.ModuleType("__main__")
    main.__file__ = str(COMMAND)
    sys.modules["__main__"] = main


if __name__ == "__main__":
    from sequent.cli.command import main

    for name in IMPORTED:
        import_module(name)
    gc.freeze()  # a command does not go through what it has not made, at its end
    _become(_forked(sys.argv[1]))
    main()
