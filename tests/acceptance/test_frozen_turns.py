"""Engines that are stopped past their term at each point of their work: what another one took over, they leave."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from eventcore.record import schema
from eventcore.record.database import transaction
from eventcore.record.store import Store, opened
from tests.crash.processes import Scripts, eventually, state_of
from tests.eventcore.record.places import KINDS, SHARED

TERM = 0.6

STOPPED = """\
    import functools, pathlib, signal, sys, threading, time
    import eventcore as evr

    folder = pathlib.Path(__file__).parent

    def ran(name, folder):
        with open(folder + "/ran", "a") as file:
            file.write(f"{name}\\n")

    def waits(folder):
        ran("waits", folder)
        pathlib.Path(folder, "waiting").touch()
        while not pathlib.Path(folder, "go").exists():
            time.sleep(0.01)

    def then(folder):
        ran("then", folder)

    def stops(owner, name, when):
        method = getattr(owner, name)

        def stop():
            if (folder / "armed").exists() and not stopped:
                stopped.append(True)
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

        @functools.wraps(method)
        def wrapped(*args, **kwargs):
            if when == "before":
                stop()
            answer = method(*args, **kwargs)
            if when == "after":
                stop()
            return answer if when != "within" else inside(answer, stop)

        setattr(owner, name, wrapped)

    def inside(rows, stop):
        stop()
        yield from rows

    stopped = []

    def points(backend):
        from eventcore.act.executors.collection import Executors
        from eventcore.record import lease
        from eventcore.record.store import Store
        from eventcore.record.turns import TurnWriter
        from eventcore.run.dispatcher import Dispatcher
        from eventcore.run.tenure import Tenure
        return {
            "having taken the lease": (Store, "create_run", "after"),
            "before a turn": (TurnWriter, "write", "before"),
            "before the fence": (backend, "write_turn", "before"),
            "behind the fence": (TurnWriter, "_rows", "within"),
            "after the commit": (backend, "write_turn", "after"),
            "after a turn": (Tenure, "confirmed", "after"),
            "before a start": (Dispatcher, "start", "before"),
            "in a start": (Executors, "start", "before"),
            "after a start": (Executors, "start", "after"),
            "before a beat": (lease, "beat", "before"),
            "after a beat": (lease, "beat", "after"),
            "before leaving": (Store, "leave_run", "before"),
        }

    if __name__ == "__main__":
        mode, location, term, point = sys.argv[1:]
        config = {"lease_term": float(term), "logdir": str(folder), "console": False}
        program = evr.Eventor("stopped", location, run_id="r", config=config)
        go, gone = program.add_event("go"), program.add_event("gone")
        program.add_assoc(go, program.add_step("waits", waits, args=(str(folder),),
                                               triggers={evr.StepStatus.success: [gone]}))
        program.add_assoc(gone, program.add_step("then", then, args=(str(folder),)))
        program.trigger_event(go, 1)
        if point:
            from eventcore.record.registry import backend_of
            stops(*points(type(backend_of(location)))[point])
        print(program.run(run_mode=evr.RunMode(mode)))
"""

#: the points, and whether the engine comes to them before its first step or when that has ended
POINTS = {
    "having taken the lease": "at once",
    "before a turn": "later",
    "before the fence": "later",
    "after the commit": "later",
    "after a turn": "later",
    "before a start": "later",
    "in a start": "later",
    "after a start": "later",
    "before a beat": "meanwhile",
    "after a beat": "meanwhile",
    "before leaving": "later",
}


@pytest.fixture(params=SHARED)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the store of the test is."""
    return KINDS[request.param](tmp_path)


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    with closing(opened(location, "normal")) as found:
        yield found


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows of the store."""
    return {table.name: [*store.connection.execute(select(table))] for table in schema.metadata.sorted_tables}


def is_silent(store: Store) -> bool:
    """Whether the term of the one run is over."""
    heartbeat = store.connection.execute(select(schema.runs.c.heartbeat)).scalar_one()
    return store.backend.lease_times(store.connection, time.time())[0] - float(heartbeat) > TERM + 0.1


@pytest.mark.parametrize("point", POINTS)
def test_an_engine_that_lost_its_run_while_it_was_stopped_writes_and_starts_nothing_more(
    scripts: Scripts, tmp_path: Path, location: str, store: Store, point: str
) -> None:
    script, when, ran = scripts.write(STOPPED), POINTS[point], tmp_path / "ran"
    if when == "at once":
        (tmp_path / "armed").touch()
    frozen = scripts.start(script, "restart", location, TERM, point)
    if when != "at once":
        eventually((tmp_path / "waiting").exists, "the first step")
        (tmp_path / "armed").touch()
    if when == "later":
        (tmp_path / "go").touch()
    eventually(lambda: state_of(frozen.pid) == "T", "the stop")
    eventually(lambda: is_silent(store), "the end of the term")
    (tmp_path / "go").touch()
    other = scripts.run(script, "recover", location, TERM, "")
    assert other.stdout.split() == ["True"], other.stderr
    before, lines = everything(store), ran.read_text()
    frozen.send_signal(signal.SIGCONT)
    out, err = frozen.communicate(timeout=600)
    assert everything(store) == before
    eventually(scripts.all_gone, "the end of the workers")
    assert ran.read_text() == lines
    if point != "before leaving":  # all that it did was recorded
        assert "True" not in out
        assert "another engine took over this run" in err


def test_an_engine_that_is_stopped_in_the_middle_of_a_commit_keeps_its_run_and_goes_on(
    scripts: Scripts, tmp_path: Path
) -> None:
    """In a file, its transaction keeps all others out; a store that is a network away commits in one go."""
    location = KINDS["file"](tmp_path)
    with closing(opened(location, "normal")) as store:
        frozen = scripts.start(scripts.write(STOPPED), "restart", location, TERM, "behind the fence")
        eventually((tmp_path / "waiting").exists, "the first step")
        for name in ("armed", "go"):
            (tmp_path / name).touch()
        eventually(lambda: state_of(frozen.pid) == "T", "the stop")
        eventually(lambda: is_silent(store), "the end of the term")
        store.backend.limit_waiting(store.connection, 0.1)
        with pytest.raises(DBAPIError) as locked, transaction(store.connection):
            pass
        assert store.backend.is_away(locked.value.orig)
        frozen.send_signal(signal.SIGCONT)
        out, err = frozen.communicate(timeout=600)
        assert out.split() == ["True"], err
        assert (tmp_path / "ran").read_text().split() == ["waits", "then"]
