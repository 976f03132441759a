"""Make and Luigi: targets that are made only if they are not there or older than what they are made from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import sequent as seq
from tests.foreign.runs import run

Recipe = Callable[[list[str]], str]


class Makefile:
    """Files in a folder, and the recipes that had to be followed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.clock = folder, list[str](), 1000

    def write(self, name: str, text: str) -> None:
        """Write a file that is newer than all others."""
        self.clock += 1
        (self.folder / name).write_text(text)
        os.utime(self.folder / name, (self.clock, self.clock))

    def target(self, name: str, sources: list[str], recipe: Recipe) -> str:
        """Make a target if it is missing or out of date, and return its name."""
        path, files = self.folder / name, [self.folder / source for source in sources]
        if not path.exists() or any(file.stat().st_mtime > path.stat().st_mtime for file in files):
            self.made.append(name)
            self.write(name, recipe([file.read_text() for file in files]))
        return name

    def flow(self, flow: seq.Sequent) -> None:
        """Two objects, a library of one of them, and a program that needs all."""
        a = flow.add_step("a.o", self.target, args=("a.o", ["a.c"], compiled))
        b = flow.add_step("b.o", self.target, args=("b.o", ["b.c"], compiled))
        lib = flow.add_step("lib", self.target, args=("lib", [b.result], "".join))
        flow.add_step("program", self.target, args=("program", [a.result, lib.result], "+".join))

    def since(self) -> list[str]:
        """What was made since the last question."""
        made, self.made = self.made, []
        return made


def compiled(sources: list[str]) -> str:
    if "error" in sources[0]:
        raise SyntaxError(sources[0])
    return sources[0].upper()


@pytest.fixture
def makefile(tmp_path: Path) -> Makefile:
    """Sources that nobody has compiled yet."""
    made = Makefile(tmp_path)
    made.write("a.c", "a")
    made.write("b.c", "b")
    return made


def test_only_what_is_out_of_date_is_made(makefile: Makefile) -> None:
    assert run(makefile.flow).ok
    assert makefile.since() == ["a.o", "b.o", "lib", "program"]
    assert run(makefile.flow).ok
    assert makefile.since() == []
    makefile.write("b.c", "bb")
    assert run(makefile.flow).ok
    assert makefile.since() == ["b.o", "lib", "program"]
    assert (makefile.folder / "program").read_text() == "A+BB"


@pytest.mark.parametrize(("keep_going", "made"), [(False, []), (True, ["b.o", "lib"])])
def test_with_keep_going_the_targets_that_do_not_need_the_failed_one_are_made(
    makefile: Makefile, keep_going: bool, made: list[str]
) -> None:
    makefile.write("a.c", "error")
    ran = run(makefile.flow, stop_on_exception=not keep_going)
    assert not ran.ok
    assert makefile.since() == ["a.o", *made]
