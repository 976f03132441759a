"""`sequent engine`: submitted runs are worked off by whichever engine is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from eventcore.errors import StoreError
from eventcore.record import submitted
from sequent.cli.engine_loop import EngineLoop
from tests.acceptance.sites import FLOW, Site, everywhere
from tests.acceptance.sites import site as site
from tests.acceptance.test_shell import sequent
from tests.commands import COMMAND
from tests.crash.processes import eventually
from tests.eventcore.record.places import KINDS, REMOTE
from tests.servers.served import server
from tests.servers.software import GUARDED, PASSWORD, USER
from tests.support import ROOT

# several engines


@everywhere
@pytest.mark.parametrize("engines", [2])
def test_engines_share_the_runs_and_each_is_run_once(site: Site, engines: int) -> None:
    names = [f"run{number}" for number in range(2 * engines)]
    for name in names[:engines]:  # they end only once all of them are at work, which takes every engine
        site.submit(name, "--param", f"together={engines}")
    for name in names[engines:]:
        site.submit(name)
    started = [site.engine("--slots", "1", "--once") for _ in range(engines)]
    assert [site.ends(engine) for engine in started] == [0] * engines
    assert {site.run(name).state for name in names} == {"success"}
    assert Counter(site.done()) == Counter(names)


@everywhere
def test_the_oldest_run_is_taken_up_first(site: Site) -> None:
    for name in ("c", "a", "b"):
        site.submit(name)
    assert site.ends(site.engine("--slots", "1", "--once")) == 0
    assert site.done() == ["c", "a", "b"]


def test_an_engine_works_off_the_programs_that_it_is_given(site: Site) -> None:
    site.submit("one")
    site.submit("two", target="flow.py:failing")
    assert site.ends(site.engine("--programs", "failing", "--once")) == 0
    assert (site.run("one").state, site.run("two").state) == ("submitted", "failure")


@everywhere
def test_the_runs_of_a_killed_engine_are_adopted(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    first = site.engine()
    site.began("one")
    (site.folder / "one began").unlink()
    first.kill()
    first.wait()
    eventually(lambda: not site.left_processes(), "the end of what the engine had started")
    site.engine()
    site.began("one")
    site.open_gate()
    site.reaches("one", "success")
    assert (site.run("one").recovery, site.done()) == (0, ["one"])


def test_a_run_that_was_started_by_hand_is_not_adopted(site: Site) -> None:
    parameters = ("--param", "name=one", "--param", "gate=yes")
    arguments = ["run", "-q", "flow.py:build", "--store", site.store, "--run-id", "one", *parameters]
    by_hand = subprocess.Popen([str(COMMAND), *arguments], cwd=site.folder)
    site.began("one")
    by_hand.kill()
    by_hand.wait()
    assert site.ends(site.engine("--once")) == 0
    assert site.run("one").state == "interrupted"


@pytest.mark.parametrize("kind", REMOTE)
def test_the_password_of_a_store_reaches_the_processes_of_runs_and_nobody_else(tmp_path: Path, kind: str) -> None:
    url = KINDS[kind](tmp_path).replace(f"//{USER}@", f"//{GUARDED}:{quote(PASSWORD, safe='')}@")
    site = Site(tmp_path, url)
    try:
        site.submit("one", "--param", "gate=yes")
        site.engine("--once")
        site.began("one")
        places = [Path(f"/proc/{pid}/{what}") for pid in site.left_processes() for what in ("cmdline", "environ")]
        assert len(places) >= 6  # of the engine, the run and the step
        for secret in (PASSWORD, quote(PASSWORD, safe="")):
            assert not [place for place in places if secret in place.read_text()]
            assert secret not in site.said()
        site.open_gate()
        site.reaches("one", "success")
    finally:
        site.clean_up()


def test_a_claim_of_which_it_is_not_known_how_it_ended_is_given_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.submit("one")
    claim, claimed = submitted.claim, list[bool]()

    def lost(*arguments: Any) -> bool:
        claimed.append(claim(*arguments))
        if len(claimed) == 1:
            raise StoreError("the answer to the commit was lost")
        return claimed[-1]

    monkeypatch.setattr(submitted, "claim", lost)
    assert EngineLoop(site.store, (), 1, once=True).run() == 0
    assert (claimed, site.run("one").state, site.done()) == ([True, True], "success", ["one"])


# the end of an engine


def test_sigterm_lets_runs_end_and_takes_up_no_new_one(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    engine = site.engine("--slots", "2")
    site.began("one")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM: no new runs; 1 in progress" in site.said(), "the signal")
    site.submit("two")
    site.open_gate()
    assert site.ends(engine) == 0
    assert (site.run("one").state, site.run("two").state) == ("success", "submitted")


@everywhere
def test_after_sigterm_a_run_that_waits_for_a_delay_is_left_to_others(site: Site) -> None:
    site.submit("one", "--param", "late=yes")
    engine = site.engine()
    eventually(lambda: site.done() == ["one"], "the work of one")
    engine.send_signal(signal.SIGTERM)
    assert site.ends(engine) == 0
    assert site.run("one").state == "pending"
    site.engine()
    site.reaches("one", "running")


def test_a_second_sigterm_interrupts_the_runs_and_others_adopt_them(site: Site) -> None:
    site.submit("one", "--param", "gate=yes", "--param", "late=yes")
    engine = site.engine()
    site.began("one")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM: no new runs" in site.said(), "the signal")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "its runs are interrupted" in site.said(), "the second signal")
    site.open_gate()
    assert site.ends(engine) == 1
    assert site.run("one").state == "pending"
    site.engine()
    site.reaches("one", "running")


def test_ctrl_c_twice_kills_what_does_not_end(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    engine = site.engine()
    site.began("one")
    engine.send_signal(signal.SIGINT)
    eventually(lambda: "SIGINT: its runs are interrupted" in site.said(), "the signal")
    engine.send_signal(signal.SIGINT)
    assert site.ends(engine) == 1
    eventually(lambda: not site.left_processes(), "the end of what the engine had started")
    assert site.run("one").state == "interrupted"


# what an engine cannot run


def test_a_program_that_differs_is_left_and_tried_again_when_its_file_changes(site: Site) -> None:
    site.submit("one")
    other = FLOW.replace('flow.add_step("work"', 'flow.add_step("play"')
    (site.folder / "flow.py").write_text(other)
    site.engine()
    told = "left to other engines: its program is another one here than was submitted: added: play; removed: work"
    eventually(lambda: f"run one of program work: {told}" in site.said(), "the refusal")
    eventually(lambda: site.run("one").holder is None, "the end of the claim")
    assert site.run("one").state == "submitted"
    site.submit("two")  # is its own
    site.reaches("two", "success")
    assert site.said().count("left to other engines") == 1
    (site.folder / "flow.py").write_text(FLOW)
    site.reaches("one", "success")


def test_a_module_that_is_not_here_is_left_to_an_engine_that_has_it(site: Site) -> None:
    there = site.folder / "there"
    there.mkdir()
    (there / "elsewhere.py").write_text(FLOW)
    done = sequent(there, "submit", "elsewhere:failing", "--store", str(site.store), "--run-id", "one")
    assert done.returncode == 0, done.stderr
    assert site.ends(site.engine("--once")) == 0
    assert "left to other engines: module elsewhere cannot be imported" in site.said()
    assert site.run("one").state == "submitted"


def test_a_run_whose_processes_die_is_left_after_some_and_others_go_on(site: Site) -> None:
    site.submit("one", target="flow.py:dying")
    site.submit("two")
    assert site.ends(site.engine("--once")) == 0
    assert site.said().count("its process died (signal SIGKILL)") == 3
    assert "left to other engines, as 3 processes have come to that here" in site.said()
    assert (site.run("one").state, site.run("two").state) == ("interrupted", "success")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_an_engine_goes_on_after_its_database_was_away(tmp_path: Path, kind: str) -> None:
    with server(kind) as database:
        name = {"postgresql": "postgres", "mariadb": "runs"}[kind]
        if kind == "mariadb":
            with pymysql.connect(host="127.0.0.1", port=database.port, user=USER, ssl_disabled=True) as connection:
                connection.cursor().execute(f"CREATE DATABASE {name}")
        site = Site(tmp_path, f"{kind}://{USER}@127.0.0.1:{database.port}/{name}")
        try:
            engine = site.engine()
            site.submit("one")
            site.reaches("one", "success")
            database.kill()
            eventually(lambda: "the store cannot be reached, and is tried again" in site.said(), "the outage")
            database.start()
            site.submit("two")
            site.reaches("two", "success")
            assert site.said().count("cannot be reached") == site.said().count("can be reached again") == 1
            assert engine.poll() is None
        finally:
            site.clean_up()


@pytest.mark.parametrize("order", [b"", b'{"store": "run'])
def test_a_process_whose_engine_died_while_it_started_ends_without_a_word(order: bytes) -> None:
    orders, ends = os.pipe()
    results, said = os.pipe()
    os.write(ends, order)
    os.close(ends)
    boot = f"from sequent.cli.run_entry import main; main({orders}, {said})"
    done = subprocess.run(
        [sys.executable, "-c", boot], pass_fds=(orders, said), env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    for end in (orders, said, results):
        os.close(end)
    assert (done.stdout, done.stderr) == ("", "")
