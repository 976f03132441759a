"""What every database does for runs: one suite, and a backend is a parameter of it.

How it writes turns is in `test_backend_turns.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Double, insert, literal, select, update

from eventcore.define.status import RunMode, Verdict
from eventcore.errors import LeaseLostError, RunExistsError, RunHeldError, StoreError
from eventcore.record import cleaning, lease, pausing, requests, waking
from eventcore.record import schema as t
from eventcore.record.database import open_database, transaction
from eventcore.record.reading import Reader
from eventcore.record.registry import backend_of
from eventcore.record.store import opened
from tests.eventcore.record.places import KINDS, SHARED, Place, chained, fail, succeed

# reading


def test_a_run_is_read_back_as_it_was_recorded(place: Place) -> None:
    assert not chained(place.program(), succeed, fail).run()
    with place.reader() as reader:
        view = reader.run("run", time.time())
        assert (view.program, view.verdict, view.is_held) == ("program", Verdict.failure, False)
        tallies = reader.tallies(view)
        assert {name: sum(tally.counts.values()) for name, tally in tallies.items()} == {"s1": 1, "s2": 1}


def test_an_engine_is_seen_at_work(place: Place) -> None:
    seen = []
    assert chained(place.program(), succeed, lambda: seen.append(place.run())).run()
    assert [(view.verdict, view.is_held) for view in seen] == [(Verdict.running, True)]
    assert (place.run().verdict, place.run().is_held) == (Verdict.success, False)


def test_what_a_reader_sees_belongs_to_one_moment(shared: Place) -> None:
    assert chained(shared.program(run_id="one"), succeed).run()
    with shared.reader() as reader:
        assert [view.run_id for view in reader.runs(time.time())] == ["one"]
        assert chained(shared.program(run_id="two"), succeed).run()
        assert [view.run_id for view in reader.runs(time.time())] == ["one"]
    with shared.reader() as reader:
        assert [view.run_id for view in reader.runs(time.time())] == ["two", "one"]


def test_a_reader_sees_nothing_of_a_transaction_that_is_not_over_and_does_not_wait_for_it(shared: Place) -> None:
    assert chained(shared.program(), succeed).run()
    with transaction(shared.store.connection) as connection:
        connection.execute(update(t.runs).values(program="other"))
        assert shared.run().program == "program"
    assert shared.run().program == "other"


def test_a_store_that_is_not_shared_is_nobody_elses(place: Place) -> None:
    assert chained(place.program(), succeed).run()
    with closing(opened(place.location)) as other:
        found = Reader(other.connection, other.location).runs(time.time())
        assert len(found) == (1 if place.store.backend.is_shared else 0)


# results


@pytest.mark.parametrize("text", ["small", "large" * 1_000, "ünïcödé \U0001f600 " * 500, "nul \0 byte" * 500])
def test_results_of_all_sizes_outlive_their_engine(place: Place, text: str) -> None:
    assert not chained(place.program(max_result_size=100), lambda: text, fail).run()
    assert result(place, "run") == text
    assert chained(place.program(RunMode.recover, max_result_size=100), lambda: "again", succeed).run()
    assert result(place, "run") == text


def result(place: Place, run_id: str) -> Any:
    """What the first step of a run returned."""
    stored = place.store.result(place.store.find_run(None, run_id), "s1", "1")
    assert stored is not None
    return json.loads(stored)


def test_large_results_of_two_runs_are_kept_apart(place: Place) -> None:
    for run_id in ("one", "two"):
        assert chained(place.program(run_id=run_id, max_result_size=10), partial(str.__mul__, run_id, 20)).run()
    for run_id in ("one", "two"):
        assert result(place, run_id) == run_id * 20


def test_an_engine_that_has_lost_its_run_does_not_replace_what_the_next_one_has_kept(place: Place) -> None:
    assert chained(place.program(max_result_size=10), lambda: "that of the next one").run()
    late = place.store.writer(place.store.find_run(None, "run"), lease.this_engine("late"), 10)
    task: Any = SimpleNamespace(key=("s1", "1"), step=SimpleNamespace(name="s1"), sequence="1")
    late.keep(task, '"that of the late one"', {})
    assert result(place, "run") == "that of the next one"


def content(place: Place, run_id: str, name: str) -> bytes:
    """A file that a result speaks of."""
    found = place.store.backend.kept_file(run_id, name)
    return found.read_bytes() if isinstance(found, Path) else found


def test_files_of_results_are_kept_for_each_run_until_that_is_deleted(place: Place) -> None:
    for run_id in ("stays", "goes"):
        assert chained(place.program(run_id=run_id), succeed).run()
        for _ in range(2):
            place.store.backend.keep_file(run_id, "0a.npy", b"\0same")
        place.store.backend.keep_file(run_id, "0b.bin", run_id.encode())
    assert content(place, "goes", "0a.npy") == content(place, "stays", "0a.npy") == b"\0same"
    assert cleaning.delete_run(place.store, place.run("goes"))
    for name in ("0a.npy", "0b.bin"):
        with pytest.raises((StoreError, FileNotFoundError)):
            content(place, "goes", name)
    assert content(place, "stays", "0b.bin") == b"stays"


# leases


def test_a_rival_is_refused_while_the_engine_lives_and_let_in_when_it_is_over(shared: Place) -> None:
    refused = []

    def rival() -> None:
        with pytest.raises(RunHeldError, match="wait for it") as error:
            chained(shared.program(RunMode.recover), succeed).run()
        refused.append(error)

    assert chained(shared.program(), rival).run()
    assert refused
    assert chained(shared.program(RunMode.recover), succeed).run()


def test_one_of_many_takes_a_lease(shared: Place) -> None:
    assert chained(shared.program(), succeed).run()
    taken, refused, gate = list[str](), list[str](), threading.Barrier(8)

    def take(name: str) -> None:
        with closing(opened(shared.location)) as store:
            gate.wait()
            try:
                with transaction(store.connection):
                    lease.take(store.connection, 1, lease.this_engine(name), 3600.0, time.time())
            except RunHeldError:
                refused.append(name)
            else:
                taken.append(name)

    threads = [threading.Thread(target=take, args=(f"engine {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)
    assert shared.store.connection.execute(select(t.runs.c.holder)).scalars().all() == taken


def test_an_engine_that_lost_its_lease_records_nothing_more(shared: Place) -> None:
    rows = []

    def lose() -> None:
        with transaction(shared.store.connection) as connection:
            connection.execute(update(t.runs).values(holder="somebody else"))
        rows.append(shared.everything())

    with pytest.raises(LeaseLostError):
        chained(shared.program(), lose, succeed).run()
    assert rows == [shared.everything()]


def test_leases_are_kept_and_judged_by_the_backends_clock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chained(place.program(), succeed).run()
    clock = 5_000.0
    backend = type(place.store.backend)
    monkeypatch.setattr(backend, "lease_clock", lambda *_: literal(clock, Double()))
    monkeypatch.setattr(backend, "lease_times", lambda *_: (clock, 0.0))
    monkeypatch.setattr(backend, "awake_since", lambda *_: literal(0.0, Double()))
    elsewhere = lease.Holder("token", "elsewhere", 1, "1")
    store = place.store
    with transaction(store.connection):
        lease.take(store.connection, 1, elsewhere, 30.0, time.time())
    assert store.connection.execute(select(t.runs.c.heartbeat)).scalars().all() == [5_000.0]
    clock = 5_020.0
    assert place.run().is_held
    assert lease.beat(store.connection, 1, elsewhere, time.time())
    clock = 5_049.0
    with pytest.raises(RunHeldError, match="29 s ago"), transaction(store.connection):
        lease.take(store.connection, 1, lease.this_engine(), 30.0, time.time())
    clock = 5_051.0
    assert not place.run().is_held
    with transaction(store.connection):
        lease.take(store.connection, 1, lease.this_engine(), 30.0, time.time())


# errors


def test_a_run_id_that_is_taken_is_refused_and_the_store_stays_usable(place: Place) -> None:
    assert chained(place.program(), succeed).run()
    with pytest.raises(RunExistsError, match="already has a run 'run'"):
        chained(place.program(), succeed).run()
    assert chained(place.program(run_id="other"), succeed).run()


def test_the_drivers_errors_come_as_errors_of_the_store_that_name_it(place: Place) -> None:
    with pytest.raises(StoreError) as told, place.store.backend.reported():
        place.store.connection.exec_driver_sql("SELECT * FROM no_such_table")
    assert place.store.backend.name in str(told.value)
    assert "; " in str(told.value)


def test_defects_of_the_code_are_not_explained_away(place: Place) -> None:
    connection = place.store.connection
    connection.execute(insert(t.programs).values(digest="a", document=""))
    with pytest.raises(Exception) as raised, place.store.backend.reported():
        connection.execute(insert(t.programs).values(digest="a", document=""))
    assert not isinstance(raised.value, StoreError)


def test_a_store_that_cannot_be_written_ends_the_run_in_words(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    driver_error = place.store.backend.driver_error
    gone = next(kind for kind in _kinds(driver_error) if kind.__name__ == "OperationalError")

    def refuses(*_: Any) -> bool:
        raise gone("the server went away")

    program = chained(place.program(database_patience=0.1), succeed)
    with monkeypatch.context() as patch:
        patch.setattr(type(place.store.backend), "write_turn", refuses)
        with pytest.raises(StoreError, match=r"recording the run failed.*went away.*then recover the run"):
            program.run()
    assert chained(place.program(RunMode.recover), succeed).run()


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def test_a_store_that_is_not_there_is_not_made_by_looking(shared: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for kind in SHARED:
        location = KINDS[kind](tmp_path / "empty")
        with pytest.raises(StoreError, match="there is no store"):
            open_database(location, create=False)
        assert not list((tmp_path / "empty").iterdir())


# requests


def test_a_request_waits_for_the_engine_and_is_taken_once(shared: Place) -> None:
    counts = []

    def ask() -> None:
        shared.ask("cancel")
        counts.append(len(requests.pending(shared.store.connection, shared.run().id)))

    chained(shared.program(), ask, *[succeed] * 500).run()  # until it is heard
    assert counts == [1]
    assert shared.run().verdict is Verdict.cancelled
    assert requests.pending(shared.store.connection, shared.run().id) == []


def test_an_engine_on_another_host_finds_a_request_though_nobody_wakes_it(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(shared.store.backend), "is_remote", True)
    monkeypatch.setattr(waking, "wake", lambda _: None)
    said = []

    def ask() -> None:
        for verb, is_paused in (("pause", True), ("resume", False)):
            answer = requests.ask_store(shared.location, 1, verb, {}, 600)
            with closing(opened(shared.location)) as store:
                said.append((answer.status.value, pausing.is_paused(store.connection, 1) is is_paused))

    program = chained(shared.program(task_construct="thread", lease_term=86_400), ask, succeed)
    assert program.run()
    assert said == [("done", True)] * 2


def test_a_run_that_nobody_works_on_can_be_paused_and_resumed(shared: Place) -> None:
    chained(shared.program(), succeed, fail).run(max_loops=0)  # left pending, with nothing done
    for verb, paused in (("pause", True), ("resume", False)):
        shared.ask(verb)
        assert pausing.is_paused(shared.store.connection, shared.run().id) is paused


# cleaning


def test_a_deleted_run_leaves_nothing_and_others_stay(place: Place) -> None:
    for run_id in ("stays", "goes"):
        assert chained(
            place.program(run_id=run_id, max_result_size=10), partial(str.__mul__, run_id, 20), succeed
        ).run()
        if run_id == "stays":
            before = place.everything()
    results = select(t.results.c.file).where(t.results.c.run == 2, t.results.c.file.is_not(None))
    kept = list(place.store.connection.execute(results).scalars())
    assert cleaning.delete_run(place.store, place.run("goes"))
    for name in kept:
        with pytest.raises(StoreError):
            place.store.backend.kept_result("goes", name)
    assert place.everything() == before
    assert result(place, "stays") == "stays" * 20


def test_a_program_of_which_a_run_is_being_made_is_not_deleted(shared: Place) -> None:
    chained(shared.program(), succeed).run()
    connection = shared.store.connection
    number = connection.execute(insert(t.programs).values(digest="d", document="{}")).inserted_primary_key[0]  # type: ignore[index]
    made = select(t.recoveries).where(t.recoveries.c.program_id != number)
    with closing(opened(shared.location)) as other, ThreadPoolExecutor() as threads:
        with transaction(connection):
            connection.execute(select(t.programs).where(t.programs.c.id == number).with_for_update(read=True))
            cleaned = threads.submit(cleaning.finish, other)
            wait([cleaned], 1.0)
            row = connection.execute(made).mappings().one()
            connection.execute(insert(t.recoveries).values({**row, "recovery": 1, "program_id": number}))
        cleaned.result()
    assert connection.execute(select(t.programs.c.id).where(t.programs.c.id == number)).scalar() == number


def test_a_run_that_an_engine_works_on_is_not_deleted(place: Place) -> None:
    kept = []
    assert chained(place.program(), lambda: kept.append(cleaning.delete_run(place.store, place.run()))).run()
    assert kept == [False]
    assert place.run().verdict is Verdict.success


# what is known without opening


def test_a_change_changes_the_stamp(shared: Place) -> None:
    backend = backend_of(shared.location)
    stamps = [backend.stamp()]
    for run_id in ("one", "two"):
        assert chained(shared.program(run_id=run_id), succeed).run()
        stamps.append(backend.stamp())
    assert stamps == [None] * 3 or len(set(stamps)) == 3
    assert backend.stamp() == stamps[-1]


def test_two_that_make_a_store_at_once_make_it_once(tmp_path: Path) -> None:
    for number, kind in product(range(5), SHARED):
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        location, gate, failed = KINDS[kind](folder), threading.Barrier(6), list[Exception]()

        def make(location: str, gate: threading.Barrier, failed: list[Exception]) -> None:
            gate.wait()
            try:
                opened(location).close()
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=make, args=(location, gate, failed)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        with closing(opened(location)) as store:
            versions = store.connection.execute(select(t.schema_version.c.version)).scalars().all()
            assert versions == [t.VERSION]
