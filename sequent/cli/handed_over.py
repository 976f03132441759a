"""Passwords on their way from one process of the command to another: over a pipe, so that `ps` does not show them.

A command that was typed with a password in a URL replaces itself by one that is typed without it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from eventcore.define.passwords import connectable, is_withheld, withheld

COMMAND = (sys.executable, "-P", "-c", "from sequent.cli import main; main()")
PIPE_VARIABLE = "EVENTCORE_PASSWORDS"  #: the number of the pipe to read from, in the environment of a new process


def take_over() -> None:
    """Learn the passwords that another process has handed over to this one."""
    number = os.environ.pop(PIPE_VARIABLE)
    with suppress(ValueError, OSError), open(int(number), "rb") as pipe:  # noqa: PTH123  a descriptor is no path
        withheld(json.loads(pipe.read()))


@contextmanager
def handed_over(location: str) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """The environment for a process that gets the location's password, and the descriptors that it has to inherit."""
    if not is_withheld(location):
        yield {**os.environ}, ()
        return
    pipe = _filled(location)
    try:
        yield {**os.environ, PIPE_VARIABLE: str(pipe)}, (pipe,)
    finally:
        os.close(pipe)


def unseen(typed: str) -> str:
    """A location as it was typed, without its password; the command is replaced by one that was typed that way."""
    location = withheld(typed)
    arguments = [_without(argument, typed, location) for argument in sys.argv[1:]]
    if location != typed and arguments != sys.argv[1:]:  # else it was called from Python
        sys.stdout.flush()
        sys.stderr.flush()
        pipe = _filled(location)
        os.set_inheritable(pipe, True)
        os.execve(COMMAND[0], [*COMMAND, *arguments], {**os.environ, PIPE_VARIABLE: str(pipe)})
    return location


def _without(argument: str, typed: str, location: str) -> str:
    return {typed: location, f"--store={typed}": f"--store={location}"}.get(argument, argument)


def _filled(location: str) -> int:
    """The end of a pipe from which the location can be read with its password."""
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:  # noqa: PTH123  a descriptor is no path
        pipe.write(json.dumps(connectable(location)).encode())
    return reading
