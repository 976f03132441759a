"""Instances are named with the items of the loops around them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.record.reading import reading
from visual.instances import Instances

CONFIG = {"task_construct": "invoke", "logging_level": "CRITICAL", "console": False}


def named(store: Path, loop: Any, sequence: str) -> tuple[str, list[Any]]:
    """An instance of a step that is in the loop, by name, and its items."""
    flow = seq.Sequent("flow", store, config=CONFIG)
    town = flow.add_step("town", loop=loop)
    town.add_step("day", loop=["mon", "tue"]).add_step("load", int)
    flow.run()
    with reading(str(store)) as reader:
        found = Instances(reader, reader.run(None, time.time()))
        return found.name("town/day/load", sequence), found.items("town/day/load", sequence)


@pytest.mark.parametrize(("item", "shown"), [
    (41.9, "rome: 41.9"),
    (["orders"], "rome: ['orders']"),
    ([f"table {number}" for number in range(9)], "rome"),
    ("x" * 60, "rome"),
])  # fmt: skip
def test_of_a_mapping_the_key_is_shown_and_a_short_item(item: Any, shown: str, tmp_path: Path) -> None:
    loop = {"paris": 48.9, "rome": item}
    assert named(tmp_path / "run.db", loop, "1.rome.2") == (f"town/day/load@1.rome.2 [{shown}, tue]", [item, "tue"])


def test_a_long_key_is_shortened(tmp_path: Path) -> None:
    key = "k" * 90
    name, _ = named(tmp_path / "run.db", {key: 1}, f"1.{key}.1")
    assert name == f"town/day/load@1.{key}.1 [{'k' * 40}...: 1, mon]"


def test_of_a_list_the_item_is_shown(tmp_path: Path) -> None:
    assert named(tmp_path / "run.db", ["rome"], "1.1.1") == ("town/day/load@1.1.1 [rome, mon]", ["rome", "mon"])
