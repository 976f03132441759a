"""The shell about stores that are named by a tag of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventcore.run.next_action import stored_at
from sequent.cli.chosen import chosen_store
from sequent.cli.target import parse_target
from tests.acceptance.test_shell import one_line_error, sequent
from tests.eventcore.record.places import KINDS

FLOW = """
import sequent as seq

flow = seq.Sequent("nightly", config={"DATABASE": {"live-1": "here.db", "pg": "postgresql://u:pw@db/flows"}})
flow.add_step("a", print, args=("done",))
"""


SERVER = """
import sequent as seq

flow = seq.Sequent("nightly", config={{"DATABASE": {{"pg": "{url}&password=unused"}}}})
flow.add_step("a", print, args=("done",))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_engine_works_off_the_store_that_a_tag_of_its_targets_config_names(folder: Path) -> None:
    sequent(folder, "submit", "flow.py:flow", "--store", "live-1", "--run-id", "one")
    sequent(folder, "engine", "flow.py:flow", "--store", "live-1", "--once")
    assert "success" in sequent(folder, "status", "flow.py:flow", "--store", "live-1", "--run-id", "one").stdout


def test_an_engine_makes_no_store_of_a_tag_whose_configuration_it_does_not_know(folder: Path) -> None:
    said = one_line_error(folder, "engine", "--store", "live")
    assert said.startswith("sequent: there is no store at live; if it is a tag of a configuration, name a program")
    assert not (folder / "live").exists()
    assert "name the store: --store" in one_line_error(folder, "engine")


def test_a_tag_goes_before_a_file_of_its_name_as_it_does_in_python(folder: Path) -> None:
    (folder / "live-1").touch()
    assert chosen_store(parse_target("flow.py:flow"), "live-1") == "here.db"


def test_a_target_that_may_be_a_tag_is_told_where_tags_go(folder: Path) -> None:
    assert "; a tag of a configuration is named with its program, as flow.py --store live" in one_line_error(
        folder, "runs", "live"
    )
    assert "tag" not in one_line_error(folder, "runs", "live.db")


def test_what_submitting_suggests_names_the_tag_that_the_password_came_from(folder: Path) -> None:
    (folder / "flow.py").write_text(SERVER.format(url=KINDS["postgresql"](folder)))
    said = sequent(folder, "submit", "flow.py:flow", "--store", "pg", "--run-id", "one").stderr
    assert "run: sequent engine flow.py:flow --store pg\n" in said
    assert "watch it: sequent watch flow.py:flow --store pg --run-id one\n" in said


def test_suggested_commands_name_the_tag_whose_password_they_need(folder: Path) -> None:
    assert stored_at(chosen_store(parse_target("flow.py:flow"), "pg"), "flow.py:flow") == "flow.py:flow --store pg"
