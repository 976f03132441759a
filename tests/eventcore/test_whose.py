"""Whose run is meant where none is named: the user's own latest of that program."""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.errors import RunNotFoundError
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from tests.support import eventor, rows


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests speak of ann, who is the user, and of others."""
    become(monkeypatch, "ann")


def become(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("LOGNAME", "USER"):
        monkeypatch.setenv(variable, name)


def run_by(monkeypatch: pytest.MonkeyPatch, name: str, store: Path, run_id: str, program: str = "program") -> None:
    """Have somebody run a program, and be ann again."""
    become(monkeypatch, name)
    assert evr.Eventor(program, store, run_id=run_id, logging_level="ERROR").run()
    become(monkeypatch, "ann")


def read(store: Path, run_id: str | None = None, program: str | None = None) -> RunView:
    with reading(str(store)) as reader:
        return reader.run(run_id, time.time(), program)


@pytest.mark.usefixtures("user")
def test_a_run_is_recorded_with_its_user_and_host(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    assert eventor(store).run()
    assert rows(store, "select r.user, r.host from {runs} r") == [("ann", socket.gethostname())]
    assert (read(store).user, read(store).host) == ("ann", socket.gethostname())


@pytest.mark.usefixtures("user")
def test_a_user_without_a_name_is_recorded_by_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert eventor(tmp_path / "run.db").run()
    assert rows(tmp_path / "run.db", "select r.user from {runs} r") == [(f"uid {os.getuid()}",)]


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("mode", [evr.RunMode.recover, evr.RunMode.continue_])
def test_ones_own_latest_run_is_taken_and_those_passed_over_are_named(
    mode: evr.RunMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "run.db"
    for name, run_id in (("bob", "0"), ("ann", "1"), ("ann", "2"), ("bob", "3"), ("cid", "4")):
        run_by(monkeypatch, name, store, run_id)
    ev = eventor(store, mode, logging_level="WARNING")
    assert ev.run()
    assert ev.run_id == "2"
    said = "using run '2', your latest; ignored 2 later runs of bob, cid; give a run id to use another run"
    assert next(record.getMessage() for record in caplog.records if record.levelno == logging.WARNING) == said
    caplog.clear()
    assert read(store).run_id == "2"
    assert [record.getMessage() for record in caplog.records] == [said]


@pytest.mark.usefixtures("user")
def test_a_run_that_is_named_may_be_anybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "run.db"
    run_by(monkeypatch, "bob", store, "his")
    assert eventor(store, evr.RunMode.recover, run_id="his").run()
    assert (read(store, "his").recovery, read(store, "his").user) == (1, "bob")


@pytest.mark.usefixtures("user")
def test_nothing_is_said_where_nobody_was_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "run.db"
    run_by(monkeypatch, "bob", store, "earlier")
    run_by(monkeypatch, "ann", store, "mine")
    run_by(monkeypatch, "bob", store, "of another program", "another")
    assert eventor(store, evr.RunMode.recover, logging_level="WARNING").run()
    assert read(store, program="program").run_id == read(store, "mine").run_id == "mine"
    assert not caplog.records
    assert read(store).run_id == "mine"
    assert caplog.records[0].getMessage().endswith("ignored a later run of bob; give a run id to use another run")


@pytest.mark.usefixtures("user")
def test_where_only_others_have_run_it_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "run.db"
    run_by(monkeypatch, "bob", store, "his")
    run_by(monkeypatch, "cid", store, "hers")
    said = r"no run of program 'program' of yours \(ann\).*'hers' of cid, 'his' of bob; name one with --run-id.*run_id"
    with pytest.raises(RunNotFoundError, match=said):
        eventor(store, evr.RunMode.recover).run()
    with pytest.raises(RunNotFoundError, match=r"no run of yours \(ann\).*'hers' of cid, 'his' of bob"):
        read(store)
