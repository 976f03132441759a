"""Engines that cannot renew their lease: their workers are ended before another one may have the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from eventcore.moment import steady
from eventcore.record import schema
from eventcore.record.database import transaction
from eventcore.record.store import Store, opened
from tests.crash.processes import Scripts, eventually, is_alive
from tests.eventcore.record.places import KINDS, SHARED

CUT_OFF = """\
    import asyncio, fcntl, os, pathlib, sys, time
    import eventcore as evr

    folder = pathlib.Path(__file__).parent

    def begins(folder):
        alone = open(folder + "/alone", "a")
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pathlib.Path(folder, "twice").touch()
        with open(folder + "/ran", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return alone

    def works(folder):
        with begins(folder):
            while not pathlib.Path(folder, "go").exists():
                time.sleep(0.01)

    async def awaits(folder):
        with begins(folder):
            try:
                while not pathlib.Path(folder, "go").exists():
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                pathlib.Path(folder, "cancelled").touch()
                raise

    def short(folder):
        while not pathlib.Path(folder, "short").exists():
            time.sleep(0.01)

    def cut_off(location, how):
        from eventcore.record import lease
        from eventcore.record.registry import backend_of

        def passes():
            while how != "raises" and (folder / "cut").exists():
                time.sleep(0.01)
            if (folder / "cut").exists():
                raise OSError("no route to host")

        def wrapped(function):
            def goes(*args):
                passes()
                return function(*args)
            return goes

        lease.beat = wrapped(lease.beat)
        if how == "blocks":
            backend = type(backend_of(location))
            backend.write_turn = wrapped(backend.write_turn)

    if __name__ == "__main__":
        location, how, construct = sys.argv[1:]
        config = {"lease_term": 1.5, "logdir": str(folder), "max_concurrent": 2, "task_construct": construct}
        program = evr.Eventor("cut off", location, run_id="r", config=config)
        go = program.add_event("go")
        function = awaits if construct == "async" else works
        program.add_assoc(go, program.add_step("works", function, args=(str(folder),)))
        thread = {"task_construct": "thread"}
        program.add_assoc(go, program.add_step("short", short, args=(str(folder),), config=thread))
        program.trigger_event(go, 1)
        cut_off(location, how)
        print(program.run())
"""


@pytest.fixture(params=SHARED)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the store of the test is."""
    return KINDS[request.param](tmp_path)


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    with closing(opened(location, "normal")) as found:
        yield found


def begun(folder: Path) -> list[int]:
    """The processes in which the step has begun, so far."""
    file = folder / "ran"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("how", ["raises", "hangs", "blocks"])
def test_workers_are_ended_when_the_lease_cannot_be_renewed_and_their_steps_begin_again_when_it_is(
    scripts: Scripts, tmp_path: Path, location: str, store: Store, how: str
) -> None:
    engine = scripts.start(scripts.write(CUT_OFF), location, how, "process")
    eventually(lambda: begun(tmp_path), "the step")
    (tmp_path / "cut").touch()
    (tmp_path / "short").touch()  # its end is a turn to write
    ended = begun(tmp_path)
    eventually(lambda: not is_alive(ended[-1]), "the end of the worker")
    assert engine.poll() is None
    (tmp_path / "cut").unlink()
    eventually(lambda: len(begun(tmp_path)) > len(ended), "the step, again")
    (tmp_path / "go").touch()
    out, err = engine.communicate(timeout=600)
    assert out.split()[-1] == "True", err
    assert "could not be renewed" in out + err
    assert not (tmp_path / "twice").exists()
    tasks = store.connection.execute(select(schema.tasks.c.step, schema.tasks.c["try"], schema.tasks.c.status)).all()
    assert sorted(map(tuple, tasks)) == [("short", 1, "success"), ("works", 1, "success")]
    assert store.connection.execute(select(schema.attempts)).all() == []


def test_coroutines_are_cancelled_when_the_lease_cannot_be_renewed(
    scripts: Scripts, tmp_path: Path, location: str
) -> None:
    engine = scripts.start(scripts.write(CUT_OFF), location, "hangs", "async")
    eventually(lambda: begun(tmp_path), "the step")
    (tmp_path / "cut").touch()
    eventually((tmp_path / "cancelled").exists, "the end of the step")
    (tmp_path / "cut").unlink()
    eventually(lambda: len(begun(tmp_path)) > 1, "the step, again")
    for name in ("go", "short"):
        (tmp_path / name).touch()
    out, err = engine.communicate(timeout=600)
    assert out.split()[-1] == "True", err
    assert not (tmp_path / "twice").exists()


def test_steps_go_on_while_nobody_can_write(scripts: Scripts, tmp_path: Path) -> None:
    location = KINDS["file"](tmp_path)
    with closing(opened(location, "normal")) as store:
        engine = scripts.start(scripts.write(CUT_OFF), location, "raises", "process")
        eventually(lambda: begun(tmp_path), "the step")
        with transaction(store.connection) as connection:
            locked = steady()
            eventually(lambda: steady() > locked + 3, "two terms")
            assert connection.execute(select(schema.runs.c.heartbeat_since_boot)).scalar_one() < locked + 1.5
        for name in ("go", "short"):
            (tmp_path / name).touch()
        out, err = engine.communicate(timeout=600)
    assert out.split()[-1] == "True", err
    assert len(begun(tmp_path)) == 1, out + err
