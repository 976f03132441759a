"""Ctrl-C in the middle of any statement: `run` says that it was interrupted, and the run can be recovered at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

import sequent as seq


class Interrupter:
    """Counts the statements that go through SQLAlchemy, and raises `KeyboardInterrupt` at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.at: int | None = None
        self.is_after = False  #: the statement is executed first

    def around(self, execute: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: Any) -> None:
            self.count += 1
            strikes = self.count == self.at
            if not strikes or self.is_after:
                execute(*args)
            if strikes:
                raise KeyboardInterrupt

        return counted


@pytest.fixture
def interrupter(monkeypatch: pytest.MonkeyPatch) -> Interrupter:
    found = Interrupter()
    for name in ("do_execute", "do_execute_no_params"):
        monkeypatch.setattr(DefaultDialect, name, found.around(getattr(DefaultDialect, name)))
    return found


def flow_in(folder: Path) -> seq.Sequent:
    config = {"task_construct": "invoke", "logdir": str(folder / "logs"), "logging_level": "CRITICAL"}
    flow = seq.Sequent("flow", str(folder / "flow.run.db"), run_id="one", config=config)
    first = flow.add_step("first", lambda: 1)
    loop = flow.add_step("loop", loop=[1, 2])
    loop.add_step("each", lambda one, item: one + item, args=(first.result, loop.item))
    return flow


@pytest.mark.parametrize("is_after", [False, True])
def test_a_run_can_be_recovered_at_once_wherever_ctrl_c_struck(
    tmp_path: Path, interrupter: Interrupter, is_after: bool
) -> None:
    (tmp_path / "0").mkdir()
    assert flow_in(tmp_path / "0").run()
    number, interrupter.is_after, last = 0, is_after, interrupter.count
    assert last > 20
    while number < last:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        interrupter.at, interrupter.count = number, 0
        with pytest.raises(KeyboardInterrupt):
            flow_in(folder).run()
        interrupter.at = None
        flow = flow_in(folder)
        try:
            assert flow.run(run_mode=seq.RUN_RECOVER)
        except seq.EventcoreError as error:
            assert "has no run" in str(error) or "there is no" in str(error) or "no store" in str(error)
        else:
            assert flow.results("loop/each") == {"1.1": 2, "1.2": 3}
