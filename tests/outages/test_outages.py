"""A database that goes away: nothing is lost, nothing is recorded twice, and the run goes on when it is back."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

import eventcore as evr
from eventcore.act.observer import RunAbandoned, StoreCameBack, StoreWentAway
from eventcore.define.status import RunMode
from eventcore.errors import StoreError
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.database import transaction
from eventcore.record.reading import reading
from eventcore.record.store import opened
from eventcore.record.turns import TurnWriter
from tests.eventcore.record.places import chained, succeed
from tests.servers.proxy import Proxy
from tests.servers.served import Served
from tests.support import Recorder, eventor


def numbered(program: evr.Eventor, steps: int, work: Callable[[int], object]) -> evr.Eventor:
    """Have the program run a chain of steps; each returns a text with its number that stands nowhere else."""

    def step(number: int) -> str:
        work(number)
        return f"<result {number}>"

    event = program.add_event("go")
    program.trigger_event(event, 1)
    for number in range(1, steps + 1):
        done = program.add_event(f"done {number}")
        made = program.add_step(f"s{number}", step, (number,), triggers={evr.StepStatus.success: [done]})
        program.add_assoc(event, made)
        event = done
    return program


def recorded(location: str) -> tuple[list[str], list[str]]:
    """The steps that are recorded as done, and their results."""
    with closing(opened(location, create=False)) as store:
        tasks = store.connection.execute(select(t.tasks.c.step, t.tasks.c.status, t.tasks.c["try"])).all()
        results = store.connection.execute(select(t.results.c.value)).scalars().all()
    assert {(status, tries) for _, status, tries in tasks} == {("success", 1)}
    return sorted(step for step, _, _ in tasks), sorted(filter(None, results))


def assert_all_once(location: str, done: list[int], steps: int) -> None:
    assert Counter(done) == Counter(range(1, steps + 1))
    tasks, results = recorded(location)
    assert tasks == sorted(f"s{number}" for number in range(1, steps + 1))
    assert results == sorted(f'"<result {number}>"' for number in range(1, steps + 1))


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do the work in another thread meanwhile."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_server_that_crashes_twenty_times_in_a_run_of_a_thousand_steps(served: Served, location: str) -> None:
    done: list[int] = []
    reached = [threading.Event() for _ in range(20)]
    rng = random.Random(20)

    def work(number: int) -> None:
        done.append(number)
        if number % 50 == 25:
            reached[number // 50].set()

    def crash() -> None:
        for one in reached:
            one.wait()
            time.sleep(rng.uniform(0, 0.02))  # anywhere in a turn
            served.kill()
            served.start()

    with beside(crash):
        assert numbered(eventor(location), 1000, work).run()
    assert_all_once(location, done, 1000)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_is_cut_in_the_middle_of_a_turn(
    served: Served, location: str, after: bool, reset: bool
) -> None:
    done: list[int] = []
    opened(location).close()
    with Proxy(served.port) as proxy:

        def work(number: int) -> None:
            done.append(number)
            if number % 4 == 1:
                cut = proxy.cut_after if after else proxy.cut_before
                cut(f"<result {number}>".encode(), reset=reset)

        assert numbered(eventor(proxy.url(location)), 12, work).run()
        assert proxy.cuts == 3
    assert_all_once(location, done, 12)


def test_a_run_each_of_whose_turns_is_cut_before_or_after_it_took_effect(
    served: Served, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps run in worker processes, of which an engine that is cut off ends none."""
    opened(location).close()
    write, turns = TurnWriter.write, list[int]()
    with Proxy(served.port) as proxy:

        def cut(writer: TurnWriter, *arguments: Any) -> None:
            turns.append(proxy.cuts)
            (proxy.cut_after if len(turns) % 2 else proxy.cut_before)(writer._holder.encode())
            write(writer, *arguments)

        def work(number: int) -> None:
            with (tmp_path / "done").open("a") as file:
                file.write(f"{number}\n")

        monkeypatch.setattr(TurnWriter, "write", cut)
        config = {"console": False, "logdir": str(tmp_path), "task_construct": "process"}
        program = evr.Eventor("program", proxy.url(location), config=config)
        assert numbered(program, 10, work).run()
        assert turns == list(range(len(turns)))
        assert len(turns) == proxy.cuts > 10
    assert_all_once(location, [int(line) for line in (tmp_path / "done").read_text().split()], 10)


def test_a_server_that_does_not_answer_is_waited_for(served: Served, location: str) -> None:
    done: list[int] = []
    opened(location).close()
    with Proxy(served.port) as proxy:

        def work(number: int) -> None:
            done.append(number)
            if number == 3:
                proxy.silence()
                threading.Timer(2.0, proxy.heal).start()

        assert numbered(eventor(proxy.url(location)), 6, work).run()
    assert_all_once(location, done, 6)


def test_a_connection_without_a_sign_of_life_is_given_up(location: str) -> None:
    with closing(opened(location)) as store:
        driver: Any = store.connection.connection.driver_connection
        number = driver.fileno() if hasattr(driver, "fileno") else driver._sock.fileno()
        with socket.socket(fileno=os.dup(number)) as seen:
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4_000
            assert seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 4


def test_steps_go_on_while_the_database_is_away(served: Served, location: str, tmp_path: Any) -> None:
    program = evr.Eventor("program", location, config={"console": False, "logdir": str(tmp_path), "max_concurrent": 3})
    heard = Recorder(StoreWentAway, StoreCameBack)
    program.add_observer(heard)
    down = tmp_path / "down"

    def stop() -> None:
        served.kill()
        down.touch()

    def long() -> bool:
        while not down.exists():
            time.sleep(0.01)
        time.sleep(0.3)
        return True

    go = program.add_event("go")
    program.trigger_event(go, 1)
    program.add_assoc(go, program.add_step("stop", stop, config={"task_construct": "invoke"}))
    program.add_assoc(go, *[program.add_step(f"long {number}", long) for number in range(2)])

    def start() -> None:
        while not down.exists():
            time.sleep(0.01)
        time.sleep(2)
        served.start()

    with beside(start):
        assert program.run()
    assert [notice.patience for notice in heard.of(StoreWentAway)] == [600]
    assert len(heard.of(StoreCameBack)) == 1
    tasks, _ = recorded(location)
    assert tasks == ["long 0", "long 1", "stop"]


def test_beyond_its_patience_a_run_ends_in_one_line_and_can_be_recovered(served: Served, location: str) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number == 3 and done.count(3) == 1:
            served.kill()

    heard = Recorder(RunAbandoned)
    program = numbered(eventor(location, database_patience=0.5), 5, work)
    program.add_observer(heard)
    with pytest.raises(StoreError, match=r"waited for .* s \(database_patience\).*, then recover the run"):
        program.run()
    assert len(heard.heard) == 1
    served.start()
    assert program.run(run_mode=RunMode.recover)
    assert done == [1, 2, 3, 3, 4, 5]


def test_connections_that_the_server_ends_are_made_anew(served: Served, location: str) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number % 2:
            end_connections(served)

    assert numbered(eventor(location), 8, work).run()
    assert_all_once(location, done, 8)


def end_connections(served: Served) -> None:
    """What a server does with those that were idle for too long."""
    if served.kind == "postgresql":
        import psycopg

        with psycopg.connect(host="127.0.0.1", port=served.port, user="test", dbname="postgres") as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")  # fmt: skip
        return
    import pymysql

    connection = pymysql.connect(host="127.0.0.1", port=served.port, user="test", ssl_disabled=True)
    cursor = connection.cursor()
    cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'test'")
    for (number,) in cursor.fetchall():
        cursor.execute(f"KILL CONNECTION {number}")
    connection.close()


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_connection_that_is_lost_while_it_rolls_back_is_made_anew(
    served: Served, location: str, patience: float
) -> None:
    opened(location).close()
    with Proxy(served.port) as proxy, closing(opened(proxy.url(location))) as store:
        store.patience.seconds = patience
        with pytest.raises(ZeroDivisionError), transaction(store.connection):
            proxy.cut_before(b"ROLLBACK")
            raise ZeroDivisionError
        assert proxy.cuts == 1
        assert store.connection.execute(select(t.runs.c.id)).all() == []


@pytest.mark.parametrize("mode", [RunMode.restart, RunMode.recover, RunMode.continue_])
def test_a_run_is_entered_and_left_once_though_the_answers_are_lost(
    served: Served, location: str, mode: RunMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode is not RunMode.restart:
        chained(eventor(location, run_id="run"), succeed).run(max_loops=0)  # left pending, with nothing done
    with Proxy(served.port) as proxy, monkeypatch.context() as patch:
        for change in ("take", "give_up"):
            patch.setattr(lease, change, and_then(getattr(lease, change), lambda: proxy.cut_after(b"COMMIT")))
        program = chained(eventor(proxy.url(location), mode, run_id="run"), succeed)
        assert program.run()
        assert proxy.cuts == 2
    with reading(location) as reader:
        (run,) = reader.runs(time.time())
        assert (run.recovery, run.is_held, run.verdict) == (mode is RunMode.recover, False, evr.Verdict.success)


def and_then(function: Callable[..., Any], more: Callable[[], None]) -> Callable[..., Any]:
    """The function, and something after it, the first time."""
    left = [more]

    def both(*arguments: Any) -> Any:
        result = function(*arguments)
        while left:
            left.pop()()
        return result

    return both


def test_steps_go_on_beyond_the_term_while_the_server_refuses_everybody(
    served: Served, location: str, tmp_path: Path
) -> None:
    config = {"console": False, "logdir": str(tmp_path), "lease_term": 1.5}
    program = evr.Eventor("program", location, run_id="run", config=config)
    begun, down = tmp_path / "begun", tmp_path / "down"

    def long() -> None:
        with begun.open("a") as file:
            file.write("begun ")
        while not down.exists():
            time.sleep(0.01)
        time.sleep(4)

    go = program.add_event("go")
    program.trigger_event(go, 1)
    program.add_assoc(go, program.add_step("long", long))

    def restart() -> None:
        while not begun.exists():
            time.sleep(0.01)
        served.kill()
        down.touch()
        time.sleep(3)
        served.start()

    with beside(restart):
        assert program.run()
    assert begun.read_text() == "begun "


def test_silence_counts_from_when_the_server_is_back(served: Served, location: str) -> None:
    assert chained(eventor(location, run_id="run"), succeed).run()
    holder = {"holder": "x", "holder_host": "elsewhere", "holder_pid": 7, "holder_started": "1", "lease_term": 30.0}

    def pass_by(seconds: float) -> None:
        with closing(opened(location)) as store:
            store.connection.execute(update(t.runs).values(heartbeat=t.runs.c.heartbeat - seconds))
            store.connection.execute(update(t.starts).values(seen=t.starts.c.seen - seconds))

    with closing(opened(location)) as store:
        clock = store.backend.lease_clock(0.0)
        store.connection.execute(update(t.runs).values(holder_boot="another", heartbeat=clock, **holder))
    assert is_held(location)
    pass_by(31.0)
    assert not is_held(location)
    time.sleep(1.1)  # MariaDB tells starts apart by the second
    served.kill()
    served.start()
    assert is_held(location)
    pass_by(31.0)
    assert not is_held(location)


def is_held(location: str) -> bool:
    with reading(location) as reader:
        return reader.run("run", time.time()).is_held
