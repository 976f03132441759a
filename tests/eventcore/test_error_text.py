"""What is recorded and shown of an exception: all that it says, and one line of it where there is room for no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventcore.act.observer import AttemptFailed
from eventcore.define.error_text import error_text, headline
from eventcore.errors import ConfigError
from sequent.cli.summary import tell_end
from tests.support import Recorder, eventor, rows, start


def noted(error: BaseException, *notes: str) -> BaseException:
    for note in notes:
        error.add_note(note)
    return error


@pytest.mark.parametrize(
    "error, text, line",
    [
        (ValueError("no"), "ValueError: no", "ValueError: no"),
        (ValueError(), "ValueError", "ValueError"),
        (ConfigError("no such key"), "ConfigError: no such key", "ConfigError: no such key"),
        (
            LookupError("no such table: jobs\n[SQL: select 1]\n(Background: a link)"),
            "LookupError: no such table: jobs\n\n[SQL: select 1]\n(Background: a link)",
            "LookupError: no such table: jobs",
        ),
        (ValueError("\n\n  no table\n  jobs\n"), "ValueError: no table\n\n  jobs", "ValueError: no table"),
        (ValueError(" \n "), "ValueError:", "ValueError:"),
        (ValueError("one of:\na"), "ValueError: one of:\n\na", "ValueError: one of:"),
        (
            noted(ValueError("first\nsecond"), "while loading orders", "ask Ann\nor Bob", ""),
            "ValueError: first\nwhile loading orders\nask Ann\nor Bob\n\nsecond",
            "ValueError: first; while loading orders; ask Ann; or Bob",
        ),
        (
            SyntaxError("invalid", ("flow.py", 3, 5, "  a b\n")),
            'SyntaxError: invalid\n\nFile "flow.py", line 3\n    a b\n      ^',
            "SyntaxError: invalid",
        ),
    ],
)
def test_the_class_comes_first_then_the_notes_then_the_rest(error: BaseException, text: str, line: str) -> None:
    assert error_text(error) == text
    assert headline(text) == line


def test_all_of_it_is_recorded_and_told_to_observers_and_the_end_of_a_run_shows_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise noted(ValueError("no such table\n[SQL: select 1]"), "orders of May")

    recorder, store = Recorder(), tmp_path / "s.db"
    program = eventor(str(store))
    program.add_observer(recorder)
    start(program, program.add_step("loads", fails))
    assert not program.run()
    whole = "ValueError: no such table\norders of May\n\n[SQL: select 1]"
    assert rows(store, "SELECT error FROM eventcore_attempts") == [(whole,)]
    assert [told.error for told in recorder.of(AttemptFailed)] == [whole]
    tell_end(str(store), None)
    assert "failed: loads@1: ValueError: no such table; orders of May\n" in capsys.readouterr().out
