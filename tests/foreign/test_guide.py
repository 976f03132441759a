"""The tables of the guide for those who come from other engines are taken from the flows in this folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.foreign.test_airflow import GROUP_RULES, RULES

HERE = Path(__file__).parent
SHORT = {"OK": "SUCCESS", "FAILED": "FAILURE", "OVER": "OVER", "COMPLETE": "COMPLETE", "ACTIVE": "ACTIVE"}
ELSEWHERE = re.compile(r"[a-z_]+|STEP_[A-Z]+|sequent .*")  #: single words, and commands of the shell


def dense(code: str) -> str:
    """Code without what is only its layout; the statuses in full."""
    for short, status in SHORT.items():
        code = re.sub(rf"(?<![\w.]){short}\b", f"seq.STEP_{status}", code)
    return re.sub(r",(?=[\])}])", "", re.sub(r"\s+|# (?:noqa|fmt).*", "", code))


def rows(page: str) -> list[tuple[str, str]]:
    """The left and right columns of the tables of a page."""
    text = (DOCS / "guide" / page).read_text(encoding="utf-8")
    return [
        (left, right.replace("\\|", "|")) for left, right in re.findall(r"^\| (.*) \| (.*) \|$", text, re.MULTILINE)
    ]


def cells() -> list[str]:
    """The code in the right columns."""
    code = [found for _, right in rows("from-others.md") for found in re.findall(r"`([^`]+)`", right)]
    return [one for one in dict.fromkeys(code) if not ELSEWHERE.fullmatch(one)]


FLOWS = {file.name: dense(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("test_*.py"))}


def test_the_tables_show_much_of_what_is_run_here() -> None:
    assert len(cells()) > 50
    shown = {name for name, flow in FLOWS.items() for cell in cells() if dense(cell) in flow}
    assert shown == {*FLOWS} - {
        "test_guide.py",
        "test_make.py",
        "test_temporal.py",
    }  # told in words, and below the tables


@pytest.mark.parametrize("cell", cells())
def test_what_is_written_here_is_run_in_a_test(cell: str) -> None:
    assert any(dense(cell) in flow for flow in FLOWS.values()), f"no flow in tests/foreign has {cell}"


def test_the_trigger_rules_of_airflow_are_those_that_are_run_here() -> None:
    known = {**RULES, **GROUP_RULES}
    shown = {rule: right.strip("`") for left, right in rows("from-airflow.md") if (rule := left.strip("`")) in known}
    assert shown.keys() == known.keys()
    for rule, require in shown.items():
        assert re.search(rf'"{rule}":lambda[a-z,]+:{re.escape(dense(require))}', FLOWS["test_airflow.py"]), rule
