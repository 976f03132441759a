"""Printed text with the name of its step before each line, however the step prints it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventcore.act.console import CHUNK, NamedLines


def test_each_line_begins_with_the_name_once_it_is_whole() -> None:
    lines = NamedLines("s: ")
    assert lines.shown("one") == ""
    assert lines.shown(" line\nand a second\nand") == "s: one line\ns: and a second\n"
    assert lines.ended() == "s: and\n"


def test_a_part_that_cannot_wait_is_shown_and_goes_on_without_another_name() -> None:
    lines = NamedLines("s: ")
    assert lines.shown("10 %") == ""
    assert (lines.held(), lines.held()) == ("s: 10 %", "")
    assert lines.shown(" 20 %") == ""
    assert lines.held() == " 20 %"
    assert lines.ended() == "\n"


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    lines = NamedLines("s: ")
    assert sum(len(lines.shown("x" * 1000)) for _ in range(1000)) > 1_000_000 - 2 * CHUNK


@given(st.lists(st.tuples(st.text("ab\n", max_size=5), st.booleans())))
def test_nothing_is_lost_or_doubled(printed: list[tuple[str, bool]]) -> None:
    lines, shown = NamedLines("> "), ""
    for text, is_flushed in printed:
        shown += lines.shown(text) + (lines.held() if is_flushed else "")
    shown += lines.ended()
    text = "".join(text for text, _ in printed)
    expected = text if text.endswith("\n") or not text else f"{text}\n"
    assert shown == "".join(f"> {line}\n" for line in expected.split("\n")[:-1])
