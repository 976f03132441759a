"""`current()`: what a running step knows about itself, and the events it may raise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.values import decode
from eventcore.errors import NotInStepError
from tests.support import boom, eventor, flow, rows, start

CONSTRUCTS = ["invoke", "thread", "process", "async"]


def about() -> dict[str, Any]:
    """All that a step can know."""
    me = evr.current()
    return {
        "name": me.name, "sequence": me.sequence, "recovery": me.recovery, "try": me.try_number, "run": me.run_id,
        "key": me.idempotency_key,
    }  # fmt: skip


def fails_first() -> dict[str, Any]:
    """A step that needs a second try."""
    return boom() if evr.current().try_number == 1 else about()


async def about_async() -> dict[str, Any]:
    """The same in a coroutine."""
    return about()


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_step_knows_its_names_in_every_executor(tmp_path: Path, construct: str) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, run_id="mine", task_construct=construct)
    func = about_async if construct == "async" else about
    start(ev, ev.add_step("load", func), sequence="1.2")
    assert ev.run()
    [(text,)] = rows(store, "select value from {results}")
    assert decode(text) == {
        "name": "load", "sequence": "1.2", "recovery": 0, "try": 1, "run": "mine", "key": "mine/load@1.2",
    }  # fmt: skip


def test_the_idempotency_key_is_the_same_in_every_try_and_recovery(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for mode in (evr.RunMode.restart, evr.RunMode.recover):
        ev = eventor(store, mode)
        policy = {evr.STEP_SUCCESS: evr.STEP_RERUN}
        start(ev, ev.add_step("s", fails_first, recovery=policy, config={"retries": 1}))
        assert ev.run()
    first, second = (decode(text) for (text,) in rows(store, "select value from {results} order by recovery"))
    assert (first["recovery"], second["recovery"]) == (0, 1)
    assert first["try"] == second["try"] == 2
    assert first["key"] == second["key"]


def test_outside_a_step_it_says_where_it_belongs() -> None:
    with pytest.raises(NotInStepError, match="call it in the step's function"):
        evr.current()


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_step_raises_events_at_its_own_sequence_or_at_another(tmp_path: Path, construct: str) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct=construct)
    for name in ("here", "there"):
        ev.add_assoc(ev.add_event(name), ev.add_step(f"after {name}"))

    def raises() -> None:
        evr.current().trigger("here")
        evr.current().trigger("there", 8)

    start(ev, ev.add_step("s", raises), sequence=3)
    assert ev.run()
    steps = rows(store, "select step, sequence from {tasks} where step like 'after%' order by step")
    assert steps == [("after here", "3"), ("after there", "8")]


def test_a_step_raises_no_event_that_only_the_engine_triggers(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    f.add_step("a", lambda: evr.current().trigger("c/s#over", "1.1"))
    f.add_step("c", loop=range(2)).add_step("s", ran.append, ("s",))
    assert not f()
    [(error,)] = rows(f.store, "select error from {attempts} where step = 'a'")
    assert "'c/s#over', which is not in the program" in error


def test_raised_events_are_recorded_with_the_outcome_whatever_it_is() -> None:
    ran: list[str] = []
    ev = eventor(stop_on_exception=False)
    news = ev.add_event("news")
    ev.add_assoc(news, ev.add_step("reader", ran.append, ("read",)))

    def raises() -> None:
        evr.current().trigger(news)
        boom()

    start(ev, ev.add_step("s", raises))
    assert not ev.run()
    assert ran == ["read"]


def test_a_raw_program_builds_its_own_loop() -> None:
    ran: list[str] = []
    ev = eventor()
    again = ev.add_event("again")

    def body() -> None:
        sequence = int(evr.current().sequence)
        ran.append(str(sequence))
        if sequence < 5:
            evr.current().trigger(again, sequence + 1)

    ev.add_assoc(again, ev.add_step("body", body))
    ev.trigger_event(again, 1)
    assert ev.run()
    assert ran == ["1", "2", "3", "4", "5"]


def test_what_a_step_triggered_comes_again_when_recovery_skips_the_step(tmp_path: Path) -> None:
    ran: list[str] = []

    def read() -> None:
        ran.append("read")
        if ran.count("read") == 1:
            boom()

    def tell() -> None:
        ran.append("told")
        evr.current().trigger("news", 3)

    def program(run_mode: evr.RunMode) -> evr.Eventor:
        ev = eventor(tmp_path / "run.db", run_mode)
        ev.add_assoc(ev.add_event("news"), ev.add_step("reads", read))
        start(ev, ev.add_step("tells", tell))
        return ev

    assert not program(evr.RUN_RESTART).run()
    assert program(evr.RUN_RECOVER).run()
    assert ran == ["told", "read", "read"]


@pytest.mark.parametrize(
    ("event", "sequence", "says"),
    [("nwes", None, "'nwes', which is not in the program"), ("news", "1..2", "'1..2' is not a sequence"),
     ("news", 1.5, "1.5 is not a sequence")],
)  # fmt: skip
def test_an_event_or_sequence_that_cannot_be_fails_the_step(
    tmp_path: Path, event: str, sequence: Any, says: str
) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    ev.add_event("news")
    start(ev, ev.add_step("s", lambda: evr.current().trigger(event, sequence)))
    assert not ev.run()
    [(error,)] = rows(store, "select error from {attempts}")
    assert says in error


@pytest.mark.parametrize("prefix", ["EVENTOR_", "MY_"])
def test_a_process_finds_its_names_in_the_environment(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "kept")

    def environment() -> dict[str, str]:
        return {name: os.environ.get(name, "") for name in (*names, "KEPT")}

    names = [f"{prefix}STEP_{part}" for part in ("NAME", "SEQUENCE", "RECOVERY")]
    store = tmp_path / "run.db"
    given: dict[str, Any] = {} if prefix == "EVENTOR_" else {"envvar_prefix": prefix}
    ev = eventor(store, task_construct="process", **given)
    start(ev, ev.add_step("load", environment), sequence="1.2")
    assert ev.run()
    [(text,)] = rows(store, "select value from {results}")
    assert decode(text) == dict(zip([*names, "KEPT"], ["load", "1.2", "0", "kept"], strict=True))


def test_the_environment_of_one_step_is_not_left_to_the_next(tmp_path: Path) -> None:
    def leftover() -> list[str]:
        return [name for name in os.environ if name.startswith("OTHER_")]

    store = tmp_path / "run.db"
    ev = eventor(store, task_construct="process", max_concurrent=1)
    start(ev, ev.add_step("a", leftover, config={"envvar_prefix": "OTHER_"}), ev.add_step("b", leftover))
    assert ev.run()
    found = {step: decode(text) for step, text in rows(store, "select step, value from {results}")}
    assert len(found["a"]) == 3
    assert found["b"] == []
