"""The engine's own log: a file of its own beside those of the run's steps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.errors import LeaseLostError
from eventcore.record.turns import TurnWriter
from tests.support import boom, eventor, start


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """As if the program had configured no logging, though the test runner has."""
    caplog.set_level(logging.INFO)


def program(folder: Path, name: str, work: Callable[[], object] = int, level: str = "INFO") -> evr.Eventor:
    """A program of one step that logs to the folder."""
    ev = eventor(folder / "s.db", run_id=name, logdir=str(folder), logging_level=level)
    start(ev, ev.add_step(f"step of {name}", work))
    return ev


def said(folder: Path, name: str) -> str:
    return (folder / "program" / name / "engine.log").read_text()


def test_it_has_full_lines_of_what_the_engine_says_and_none_of_what_steps_say(tmp_path: Path) -> None:
    def talks() -> None:
        print("printed")
        logging.getLogger("mine").warning("logged")

    assert program(tmp_path, "run", talks).run()
    assert (tmp_path / "program/run/step of run@1.1.log").read_text().startswith("printed\n")
    first, *_, last = said(tmp_path, "run").splitlines()
    assert first.endswith(f" ][ MainProcess ][ INFO    ][ Eventor store file: {tmp_path / 's.db'} ]")
    assert last.endswith(" ][ MainProcess ][ INFO    ][ Processing finished with: success; outstanding tasks: 0 ]")
    assert "[ Step step of run/1 ] Trying to run ]" in said(tmp_path, "run")
    assert "printed" not in said(tmp_path, "run")
    assert "logged" not in said(tmp_path, "run")


def test_a_recovery_goes_on_in_the_same_file(tmp_path: Path) -> None:
    assert not program(tmp_path, "run", boom).run()
    assert "ValueError: boom" in said(tmp_path, "run")
    assert program(tmp_path, "run").run(run_mode=evr.RunMode.recover)
    assert said(tmp_path, "run").count("Processing finished with:") == 2


def test_records_below_the_level_are_dropped_and_without_records_there_is_no_file(tmp_path: Path) -> None:
    assert program(tmp_path, "quiet", level="ERROR").run()
    assert not (tmp_path / "program").exists()
    assert not program(tmp_path, "loud", boom, level="ERROR").run()
    assert "Trying to run" not in said(tmp_path, "loud")


def test_it_is_private_in_a_folder_that_everybody_may_write_to(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert program(shared, "run").run()
    (log,) = shared.rglob("engine.log")
    own = log.parents[2]
    assert own.parent == shared
    assert own.stat().st_mode & 0o777 == 0o700


def test_a_file_that_cannot_be_written_costs_nothing_but_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "program").write_text("a file where the folder should be")
    assert program(tmp_path, "run").run()
    assert len([text for text in caplog.messages if "engine.log cannot be written" in text]) == 1


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "program/run").mkdir(parents=True)
    (tmp_path / "other").write_text("kept")
    (tmp_path / "program/run/engine.log").symlink_to(tmp_path / "other")
    assert program(tmp_path, "run").run()
    assert (tmp_path / "other").read_text() == "kept"


def test_engines_of_one_process_keep_to_their_own_files(tmp_path: Path) -> None:
    both_run = threading.Barrier(2)
    programs = [program(tmp_path, name, both_run.wait) for name in ("a", "b")]
    threads = [threading.Thread(target=one.run) for one in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, other in (("a", "b"), ("b", "a")):
        assert said(tmp_path, name).count("Trying to run") == 1
        assert f"step of {other}" not in said(tmp_path, name)


def test_a_run_inside_a_step_has_its_own_too(tmp_path: Path) -> None:
    inner = program(tmp_path, "inner")
    assert program(tmp_path, "outer", inner.run).run()
    assert "step of inner" in said(tmp_path, "inner")
    assert "step of inner" not in said(tmp_path, "outer")
    assert "Completed" in said(tmp_path, "outer")


def test_it_says_why_the_engine_left_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise LeaseLostError

    monkeypatch.setattr(TurnWriter, "write", lost)
    with pytest.raises(LeaseLostError):
        program(tmp_path, "run").run()
    assert "][ ERROR   ][ The engine left the run: LeaseLostError: another engine took over" in said(tmp_path, "run")


def test_a_step_of_the_same_name_is_not_in_its_way(tmp_path: Path) -> None:
    flow = seq.Sequent("program", tmp_path / "s.db", run_id="run", config={"logdir": str(tmp_path)})
    flow.configure({"task_construct": "invoke"})
    flow.add_step("engine.log").add_step("inner", print, args=("printed",))
    assert flow.run()
    assert "Processing finished" in said(tmp_path, "run")
    assert (tmp_path / "program/run/engine%2Elog/inner@1.1.1.log").read_text() == "printed\n"
