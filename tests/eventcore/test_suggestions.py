"""What is suggested in place of an unknown step."""

from __future__ import annotations

import pytest

from eventcore.define.suggestions import suggestion

PATHS = ["days", "days/extract", "weeks", "weeks/extract", "report"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("extract", "did you mean 'days/extract' or 'weeks/extract'?"),
        ("weeks/extrct", "did you mean 'weeks/extract'?"),
        ("extrat", "did you mean 'days/extract' or 'weeks/extract'?"),
        ("reprot", "did you mean 'report'?"),
        ("x", "it has days, days/extract, weeks, weeks/extract, report"),
    ],
)
def test_what_was_probably_meant_is_suggested_else_all_are_listed(path: str, said: str) -> None:
    assert suggestion(path, PATHS) == said


def test_of_many_names_the_first_are_listed() -> None:
    assert suggestion("x", [f"step {n}" for n in range(12)]).endswith("step 8, step 9, ...")
    assert suggestion("x", []) == "it has none"
