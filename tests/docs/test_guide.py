"""The programs and shell sessions of the guide and of the README do what the pages say.

A `python` block is a whole program; its first line may name its file. A `text` block after it is its standard output.
In a `console` block, each command's output follows it. `...` stands for anything. Blocks under one heading share a
folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import GUIDE, Block, parts
from tests.support import ROOT

PAGES = {file.relative_to(ROOT / "docs").stem: file for file in GUIDE} | {"readme": ROOT / "README.md"}
SCHEMATIC = {"readme": ("console",)}  #: sessions that show a night's work


@dataclass(frozen=True)
class Section:
    """What stands under one heading."""

    name: str
    blocks: tuple[Block, ...]


def sections() -> Iterator[Section]:
    """All sections that have something to run."""
    for page, file in PAGES.items():
        heading, blocks = page, list[Block]()
        for part in parts(file.read_text(encoding="utf-8")):
            if isinstance(part, Block):
                blocks.append(part)
            elif part.startswith("## "):
                yield from section(page, heading, blocks)
                heading, blocks = part[3:].strip(), []
        yield from section(page, heading, blocks)


def section(page: str, heading: str, blocks: list[Block]) -> Iterator[Section]:
    wanted = tuple(block for block in blocks if block.language not in SCHEMATIC.get(page, ()))
    if any(block.language in ("python", "console") for block in wanted):
        yield Section(f"{page}: {heading}", wanted)


def test_the_pages_have_programs() -> None:
    languages = [block.language for found in sections() for block in found.blocks]
    assert languages.count("python") > 20
    assert languages.count("console") > 4
    assert "text" in languages


@pytest.mark.parametrize("found", list(sections()), ids=lambda found: found.name)
def test_programs_and_sessions_run_as_written(found: Section, tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    for number, block in enumerate(found.blocks):
        if block.language == "python":
            following = found.blocks[number + 1] if number + 1 < len(found.blocks) else None
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
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as stated; `...` stands for anything, blanks at the ends of lines do not count."""
    pattern = re.escape(expected).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, re.sub(r" +$", "", printed, flags=re.MULTILINE), re.DOTALL) is not None
