"""The programs and shell sessions of the guide and of the README do what the pages say.

A `python` block is a whole program; its first line may name its file. A `text` block after it is its standard output.
In a `console` block, each command's output follows it. `...` stands for anything. The blocks of a page share a folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import GUIDE, Block, blocks_of
from tests.support import ROOT

PAGES = {str(file.relative_to(ROOT)): file for file in (*GUIDE, ROOT / "README.md")}
SCHEMATIC = {"README.md": ("console",)}  #: sessions that show a night's work


def blocks_to_run(page: str) -> list[Block]:
    """The blocks of a page that are programs, sessions, and what they print."""
    blocks = blocks_of(PAGES[page].read_text(encoding="utf-8"))
    return [block for block in blocks if block.language not in SCHEMATIC.get(page, ())]


def test_the_pages_have_programs() -> None:
    languages = [block.language for page in PAGES for block in blocks_to_run(page)]
    assert languages.count("python") > 20
    assert languages.count("console") > 4
    assert "text" in languages


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_to_run(page)])
def test_programs_and_sessions_run_as_written(page: str, tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    blocks = blocks_to_run(page)
    for number, block in enumerate(blocks):
        if block.language == "python":
            following = blocks[number + 1] if number + 1 < len(blocks) else None
            expected = following.text if following is not None and following.language == "text" else None
            run_program(block, expected, folder, environment)
        elif block.language == "console":
            run_session(block, folder, environment)


def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment in which `sequent` and `python` are those of this test."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, what in (("sequent", '-c "from sequent.cli import main; main()"'), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error {what} "$@"\n')
        (commands / name).chmod(0o755)
    return os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(tmp_path),
    }


def run_program(block: Block, expected: str | None, folder: Path, environment: dict[str, str]) -> None:
    """Run a whole program in a file of its own."""
    named = re.match(r"# (\w+\.py)\n", block.text)
    script = folder / (named[1] if named else f"line_{block.line}.py")
    script.write_text(block.text, encoding="utf-8")
    done = run(f"python {script.name}", folder, environment)
    assert done.returncode == 0, f"the program in line {block.line} ended with {done.returncode}:\n{done.stderr}"
    if expected is not None:
        assert matches(expected, done.stdout), f"line {block.line} printed\n{done.stdout}\n{done.stderr}"


def run_session(block: Block, folder: Path, environment: dict[str, str]) -> None:
    """Run a shell session, command by command."""
    code = 0
    for entered in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = entered.partition("\n")
        done = run(f"(exit {code}); {command}", folder, environment)
        code = done.returncode
        said = done.stderr if expected.startswith("sequent: ") else done.stdout
        assert matches(expected, said), f"line {block.line}, {command}: printed\n{done.stdout}\n{done.stderr}"


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the shell."""
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as stated; `...` stands for anything, blanks at the ends of lines do not count."""
    pattern = re.escape(expected).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, re.sub(r" +$", "", printed, flags=re.MULTILINE), re.DOTALL) is not None
