"""The worker process that is started before the first call is known."""

import importlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from eventcore.act.executors import process
from tests.eventcore.act.bench import Bench, eventually
from tests.eventcore.act.processes import alive, children


def test_a_prepared_worker_takes_the_first_call(lone: Bench) -> None:
    before = children()
    lone.executor.prepare(abs)
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    assert lone.value(os.getpid) == prepared


@pytest.mark.parametrize("change", ["the environment", "the folder", "the module path"])
def test_a_prepared_worker_is_not_used_when_what_it_started_with_has_changed(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    before = children()
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    if change == "the environment":
        monkeypatch.setenv("SET_SINCE", "1")
    elif change == "the folder":
        monkeypatch.chdir(tmp_path)
    else:
        monkeypatch.syspath_prepend(tmp_path)

    def look() -> list[Any]:
        return [os.environ.get("SET_SINCE"), os.getcwd(), str(sys.path[0]), os.getpid()]

    *found, pid = lone.value(look)
    assert found == [os.environ.get("SET_SINCE"), os.getcwd(), sys.path[0]]
    assert pid != prepared
    assert eventually(lambda: not alive(prepared))


def test_a_prepared_worker_that_has_died_is_not_killed_once_more(lone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = list[int]()
    before = children()
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    os.kill(prepared, signal.SIGKILL)
    assert eventually(lambda: not Path(f"/proc/{prepared}").exists())
    monkeypatch.setenv("SET_SINCE", "1")
    monkeypatch.setattr(os, "killpg", lambda group, _: killed.append(group))
    assert lone.value(abs, -1) == 1
    assert killed == []  # another process may have its number by now


def test_a_prepared_worker_has_imported_the_module_of_the_first_function(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "to_be_imported.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    lone.executor.prepare(importlib.import_module("to_be_imported").answer)
    assert lone.value(lambda: "to_be_imported" in sys.modules)


@pytest.mark.parametrize("content", ["raise ValueError('at import')", "raise SystemExit(4)"])
def test_a_module_that_cannot_be_imported_fails_the_call_that_needs_it(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    module = tmp_path / "fails_in_workers.py"
    module.write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("fails_in_workers").answer
    module.write_text(content)
    lone.executor.prepare(function)
    assert re.search("at import|SystemExit", str(lone.run(function).error))
    assert lone.value(abs, -1) == 1


def test_a_timeout_ends_a_call_whose_module_is_never_imported(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LONGEST_START", 0.5)
    module = tmp_path / "never_imported.py"
    module.write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("never_imported").answer
    module.write_text("import time\ntime.sleep(300)")
    assert lone.run(function, timeout=0.2).error == "timed out after 0.2 s"


def test_a_prepared_worker_that_is_not_needed_is_gone_after_close() -> None:
    before = children()
    bench = Bench()
    bench.executor.prepare(abs)
    assert len(children() - before) == 1
    bench.executor.close()
    assert children() <= before


def test_a_prepared_worker_that_dies_is_replaced(lone: Bench) -> None:
    before = children()
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    os.kill(prepared, signal.SIGKILL)
    assert eventually(lambda: not alive(prepared))
    assert lone.value(os.getpid) != prepared
