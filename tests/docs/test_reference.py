"""The reference and the guide name everything that is public, and what they say of the store can be run."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import eventcore
import sequent
import visual
from eventcore.define.config import Config, StepConfig
from eventcore.record import schema
from sequent.cli.command import VERBS
from sequent.cli.command import sequent as command
from tests.support import boom, flow

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "guide/configuration.md").read_text(encoding="utf-8")


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", text))


@pytest.mark.parametrize("package", [eventcore, sequent, visual], ids=lambda package: package.__name__)
def test_every_public_name_is_in_the_reference(package: object) -> None:
    names: list[str] = package.__all__  # type: ignore[attr-defined]
    assert set(names) <= words(REFERENCE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_in_the_reference(verb: str) -> None:
    found = command.get_command(click.Context(command), verb)
    assert found is not None
    parts = [found, *(found.commands.values() if isinstance(found, click.Group) else ())]
    named = [parameter for part in parts for parameter in part.params if isinstance(parameter, click.Option)]
    options = {text for parameter in named for text in parameter.opts}
    assert f"| `{verb}` |" in REFERENCE
    assert options <= words(REFERENCE)


def test_every_configuration_key_is_in_the_guides_table_and_no_other() -> None:
    rows = [line.split("|") for line in CONFIGURATION.splitlines() if line.startswith("| `")]
    of_steps = {row[1].strip(" `"): row[4].strip() for row in rows if row[4].strip()}
    assert {row[1].strip(" `") for row in rows} == {*Config.__struct_fields__, *StepConfig.__struct_fields__}
    assert of_steps.keys() == set(StepConfig.__struct_fields__)
    assert {key for key, word in of_steps.items() if word == "only"} == {*of_steps} - {*Config.__struct_fields__}


def test_the_tables_are_those_of_the_schema() -> None:
    section = REFERENCE.partition("\n## Tables")[2]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    stated = {row[1].strip(" `"): words(row[3] + row[4]) for row in rows}
    tables = {name.removeprefix(schema.PREFIX): table for name, table in schema.metadata.tables.items()}
    del tables["schema_version"]
    assert stated.keys() == tables.keys()
    for name, table in tables.items():
        assert {column.name for column in table.columns} <= stated[name], name


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", REFERENCE, re.DOTALL))
def test_the_queries_run(query: str, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    failing = flow(store, logging_level="CRITICAL")
    failing.add_step("fails", boom)
    failing.run(run_id="20261121-020000-5b1c9e")
    with closing(sqlite3.connect(store)) as connection:
        connection.create_function("unixepoch", 1, lambda _: 0)  # whatever day it is
        assert connection.execute(query).fetchall()


@pytest.mark.parametrize(("verb", "example"), [("runs", 0), ("status", 1)])
def test_the_json_has_the_keys_that_are_stated(verb: str, example: int, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    failing = flow(store, logging_level="CRITICAL")
    failing.add_step("fails", boom)
    failing.run()
    data = json.loads(CliRunner().invoke(command, [verb, str(store), "--json"]).stdout)
    stated = json.loads(re.findall(r"```json\n(.*?)```", REFERENCE, re.DOTALL)[example])
    if verb == "runs":
        assert data[0].keys() == stated.keys()
    else:
        assert stated.keys() <= data.keys()
        for part in ("steps", "failures"):
            assert data[part][0].keys() == stated[part][0].keys()
