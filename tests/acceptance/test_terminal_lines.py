"""The lines of a run on a terminal: short, in colours, one for each step; and the full ones everywhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import ROOT

FLOW = """
import logging
import subprocess
import sys
import threading
import eventcore as evr
import sequent as seq

def load(table):
    print("loading", end=" ")
    print(table)
    logging.getLogger("mine").warning("%s is large", table)
    subprocess.run(["echo", "copied", table])

def again():
    if evr.current().try_number == 1:
        raise OSError("not yet")

def fail():
    raise ValueError("broken\\nand more")

flow = seq.Sequent("nightly", "n.db", config={"logdir": "log", "stop_on_exception": False})
for setting in sys.argv[1:]:
    key, _, value = setting.partition("=")
    flow.configure({key: int(value) if value.isdigit() else value == "yes" if value in ("yes", "no") else value})
tables = flow.add_step("tables", loop=["a", "b"], concurrent=2)
tables.add_step("load", load, args=(tables.item,))
flow.add_step("again", again, config={"retries": 1})
flow.add_step("fail", fail)
if __name__ == "__main__":
    flow.run()
"""

TIME = r"\d\d:\d\d:\d\d "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return plain | {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | more


def on_terminal(folder: Path, *settings: str, **more: str) -> str:
    """What the program shows on a terminal."""
    end, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "flow.py", *settings], cwd=folder, env=environment(**more), stdin=other, stdout=other,
        stderr=other,
    )  # fmt: skip
    os.close(other)
    with closing(os.fdopen(end, "rb", buffering=0)):
        said = b"".join(pieces(end))
    assert process.wait() == 0
    return said.decode().replace("\r\n", "\n")


def pieces(end: int) -> Iterator[bytes]:
    """What comes until nobody has the terminal open any more."""
    while True:
        try:
            data = os.read(end, 1 << 16)
        except OSError:
            return
        if not data:
            return
        yield data


def plain(text: str) -> str:
    """The text without colours."""
    return re.sub(r"\x1b\[\d+m", "", text)


def lines_of(text: str, instance: str) -> list[str]:
    """What the lines of an instance say after its name."""
    return re.findall(rf"^{TIME}{re.escape(instance)} (.*)$", plain(text), re.MULTILINE)


def test_on_a_terminal_each_step_has_one_line_that_says_how_it_ended(folder: Path) -> None:
    said = on_terminal(folder)
    (loaded,) = (line for line in lines_of(said, "tables/load@1.1") if "large" not in line)
    assert re.fullmatch(r"success in \d+\.\d s", loaded)
    (succeeded,) = lines_of(said, "again@1")
    assert re.fullmatch(r"success in \d+\.\d s, try 2", succeeded)
    (failed,) = lines_of(said, "fail@1")
    assert re.fullmatch(r"failed in \d+\.\d s: ValueError: broken", failed)
    assert re.search(rf"^{TIME}finished: failure$", plain(said), re.MULTILINE)
    assert "[ INFO" not in said


def test_the_traceback_of_a_failure_comes_with_its_line(folder: Path) -> None:
    assert 'flow.py", line' in on_terminal(folder).partition("failed in")[2]


def test_what_a_step_logs_is_a_short_line_with_its_level_if_that_matters(folder: Path) -> None:
    assert "WARNING a is large" in lines_of(on_terminal(folder), "tables/load@1.1")


def test_verbose_lines_tell_what_begins_and_what_is_tried_again(folder: Path) -> None:
    said = on_terminal(folder, "verbose=yes")
    begun, failed, again, ended = lines_of(said, "again@1")
    assert (begun, again) == ("started", "started, try 2")
    assert re.fullmatch(r"failed in \d+\.\d s, try 1: OSError: not yet; try 2 in 0 s", failed)
    assert ended.startswith("success in ")


def test_a_terminal_has_colours_unless_they_are_unwanted_or_impossible(folder: Path) -> None:
    assert "\x1b[32msuccess in " in on_terminal(folder)
    assert "\x1b" not in on_terminal(folder, NO_COLOR="1")
    assert "\x1b" not in on_terminal(folder, TERM="dumb")


def test_printed_lines_begin_with_their_step_where_several_may_run_at_once(folder: Path) -> None:
    alone = plain(on_terminal(folder, "max_concurrent=1")).splitlines()
    assert {"loading a", "copied a"} <= set(alone)
    several = plain(on_terminal(folder, "max_concurrent=2")).splitlines()
    assert {"tables/load@1.1: loading a", "tables/load@1.1: copied a", "tables/load@1.2: loading b"} <= set(several)


@pytest.mark.parametrize("construct", ["thread", "async", "invoke"])
def test_so_they_do_in_steps_that_run_in_the_engines_process(folder: Path, construct: str) -> None:
    said = plain(on_terminal(folder, "max_concurrent=2", f"task_construct={construct}")).splitlines()
    assert ("tables/load@1.1: loading a" in said) == (construct != "invoke")  # which runs one at a time
    assert ("loading a" in said) == (construct == "invoke")


def test_files_have_printed_text_as_it_is_and_full_lines(folder: Path) -> None:
    on_terminal(folder, "max_concurrent=2")
    (log,) = folder.glob("log/nightly/*/tables/load@1.1.1.log")
    first, second, third = log.read_text().splitlines()
    assert (first, third) == ("loading a", "copied a")
    assert re.fullmatch(r"\[ [-\d,:.]+ \]\[ Task-tables/load\(1\.1\) \]\[ WARNING \]\[ a is large \]", second)


def test_without_a_terminal_there_are_full_lines_and_nothing_is_put_before_printed_text(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "flow.py", "max_concurrent=2"], cwd=folder, env=environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert sorted(done.stdout.splitlines()) == ["copied a", "copied b", "loading a", "loading b"]
    assert "][ INFO    ][ [ Step tables/load/1.1 ] Completed, status: TaskStatus.success ]" in done.stderr
    assert not re.search(rf"^{TIME}", done.stderr, re.MULTILINE)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("shows", ["short", "full", "no"])
def test_the_form_of_the_lines_can_be_chosen(folder: Path, shows: str) -> None:
    done = subprocess.run(
        [sys.executable, "flow.py", f"console={shows}"], cwd=folder, env=environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ("again@1 success" in done.stderr) == (shows == "short")
    assert ("[ Step again/1 ] Completed" in done.stderr) == (shows == "full")
    assert ("[ Step again/1 ] Completed" in on_terminal(folder, f"console={shows}")) == (shows == "full")
