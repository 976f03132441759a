"""Names are shown so that a terminal cannot misunderstand them, and quoted so that a shell understands them."""

from __future__ import annotations

import subprocess

import pytest

from eventcore.define.plain import plain, quoted
from tests.system import system_command

ODD = (
    "a\x1b[31m\nb",
    "tab\tquote' and \\ backslash\r",
    "\x9b31m soft\xadhyphen",
    "right \u202e left",
    "\U000e0041",
    "\x7f9",
)


@pytest.mark.parametrize("name", ["load", "données", "月次\u3000処理", "[bold] $HOME 'x'", "back\\slash", ""])
def test_what_can_be_printed_is_shown_as_it_is(name: str) -> None:
    assert plain(name) == name


def test_escape_codes_and_newlines_are_shown_as_in_python() -> None:
    assert plain("a\x1b[31m\nb") == r"a\x1b[31m\nb"


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_left_that_a_terminal_obeys(name: str) -> None:
    assert plain(name).isprintable()


@pytest.mark.parametrize("name", [*ODD, "load", "two words", "it's"])
def test_bash_reads_a_quoted_name_as_it_was(name: str) -> None:
    assert quoted(name).isprintable()
    script = f"printf %s {quoted(name)}"
    done = subprocess.run(
        [system_command("bash"), "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == name
