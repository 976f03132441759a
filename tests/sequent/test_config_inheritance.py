"""Config in a flow: a step's own, its container's, the flow's, the defaults."""

from __future__ import annotations

import multiprocessing as mp
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.errors import ConfigError
from tests.support import boom, flow, rows


def tries_of(flow_config: dict[str, Any], container: dict[str, Any], step: dict[str, Any]) -> int:
    """How often a failing step is tried."""
    ran: list[int] = []

    def fails() -> None:
        ran.append(1)
        boom()

    f = flow(**flow_config)
    f.add_step("c", config=container).add_step("d").add_step("s", fails, config=step)
    assert not f()
    return len(ran)


@pytest.mark.parametrize(
    ("flow_config", "container", "step", "tries"),
    [({}, {}, {}, 1), ({"retries": 1}, {}, {}, 2), ({"retries": 1}, {"retries": 2}, {}, 3),
     ({"retries": 1}, {"retries": 2}, {"retries": 3}, 4), ({"retries": 1}, {"retries": 2}, {"retries": 0}, 1)],
)  # fmt: skip
def test_the_nearest_word_holds(
    flow_config: dict[str, Any], container: dict[str, Any], step: dict[str, Any], tries: int
) -> None:
    assert tries_of(flow_config, container, step) == tries


@pytest.mark.parametrize(
    ("construct", "elsewhere"),
    [("process", True), (mp.Process, True), ("thread", False), (threading.Thread, False), (seq.Invoke, False)],
)
def test_a_container_says_where_its_steps_run(tmp_path: Path, construct: Any, elsewhere: bool) -> None:
    f = flow(tmp_path / "run.db")
    f.add_step("c", config={"task_construct": construct}).add_step("s", os.getpid)
    assert f()
    [(text,)] = rows(f.store, "select value from {results} where step = 'c/s'")
    assert (text != str(os.getpid())) is elsewhere


def test_a_loop_of_its_own_runs_where_its_step_says(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db")
    f.add_step("s", os.getpid, loop=[1, 2], config={"task_construct": "process"})
    assert f()
    pids = [text for (text,) in rows(f.store, "select value from {results} where step like 's#body'")]
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


def test_max_concurrent_of_a_looped_step_limits_its_iterations() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.02)
        with lock:
            now[0] -= 1

    f = flow(task_construct="thread", max_concurrent=-1)
    f.add_step("s", work, loop=range(6), concurrent=6, config={"max_concurrent": 2})
    assert f()
    assert most == [2]


def test_the_section_of_flows_is_called_sequent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENTOR_CONFIG_TAG", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text("EVENTOR: {max_concurrent: 2}\nSEQUENT: {max_concurrent: 3}\nMINE: {max_concurrent: 4}\n")
    assert seq.Sequent(store=":memory:", config=file).config.max_concurrent == 3
    monkeypatch.setenv("EVENTOR_CONFIG_TAG", "MINE")
    assert seq.Sequent(store=":memory:", config=file).config.max_concurrent == 4


def test_the_prefix_of_flows_is_sequents_unless_the_config_says_other() -> None:
    assert seq.Sequent(store=":memory:").config.envvar_prefix == "SEQUENT_"
    assert seq.Sequent(store=":memory:", config={"envvar_prefix": "X_"}).config.envvar_prefix == "X_"


BAD: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "an unknown key": ({"retrys": 1}, ConfigError, ["'c/s'", "did you mean 'retries'?"]),
    "a wrong type": ({"retries": "1"}, ConfigError, ["'c/s'", "retries", "a whole number"]),
    "a bad construct": ({"task_construct": "proces"}, ConfigError, ["'c/s'", "'proces'", "process, thread"]),
    "a timeout in the engine": ({"timeout": 1}, seq.EventcoreError, ["'c/s'", "'invoke' cannot have a timeout"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_config_is_refused_before_anything_runs(case: str) -> None:
    config, error, words = BAD[case]
    f = flow()
    with pytest.raises(error) as refused:
        f.add_step("c").add_step("s", int, config=config)
        f.check()
    for word in words:
        assert word in str(refused.value)


def test_a_limit_that_would_limit_nothing_is_refused() -> None:
    f = flow()
    f.add_step("c", loop=[1], config={"max_concurrent": 1}).add_step("s", int)
    with pytest.raises(seq.FlowError, match=r"'c': max_concurrent .* or set concurrent"):
        f.run()


def test_a_timeout_that_a_container_gives_its_steps_is_checked_with_them() -> None:
    f = flow()
    f.add_step("c", config={"timeout": 1}).add_step("s", int)
    with pytest.raises(seq.EventcoreError, match=r"'c/s'.*'invoke' cannot have a timeout"):
        f.run()
