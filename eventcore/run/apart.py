"""Runs of a program apart from its own: in memory, under other settings, and forgotten afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from eventcore.act.clock import Clock
from eventcore.act.observer import Observer
from eventcore.define.status import RunMode
from eventcore.errors import RunHeldError
from eventcore.run.request import Request
from eventcore.run.runner import Runner

_KEPT = ("_location", "_config", "_clock", "_observers", "_request", "_memory", "_last_todos")


@contextmanager
def apart(program: Runner, config: Mapping[str, object], clock: Clock, observers: Sequence[Observer]) -> Iterator[None]:
    """Inside, the program's next run is a new one in memory; afterwards, all is as it was before.

    `config` is laid over the program's own, which may not share its store then. Raises `RunHeldError` while the program
    is running, and `ConfigError`.
    """
    if program._session is not None:
        raise RunHeldError(f"this object of program {program.name!r} is running; wait until its run returns")
    before = {name: getattr(program, name) for name in _KEPT}
    program._memory = None
    program._request = Request.first(RunMode.restart, None, None, False)
    program._observers = [*program._observers, *observers]
    try:
        program.configure({"shared_db": False, **config})
        program.use_store(":memory:")
        program.use_clock(clock)
        yield
    finally:
        if program._memory is not None:
            program._memory.close()
        vars(program).update(before)
