"""Programs of steps one after another, for the tests of running them again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventcore as evr
from eventcore.define.status import StepStatus

Calls = list[str]


def config(folder: Path, **more: Any) -> dict[str, Any]:
    return {"task_construct": "invoke", "logdir": str(folder), "console": False, "durability": "normal", **more}


def chain(folder: Path, calls: Calls, *functions: Callable[[], Any], delay: float = 0, **more: Any) -> evr.Eventor:
    """Steps `s0`, `s1`, ... one after another, each noting its call."""

    def noting(name: str, function: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            calls.append(name)
            return function()

        return step

    store = more.pop("store", folder / "s.db")
    program = evr.Eventor("chain", store, config=config(folder, **more))
    event = program.add_event("e0")
    program.trigger_event(event, 1)
    for number, function in enumerate(functions):
        after = program.add_event(f"e{number + 1}")
        name = f"s{number}"
        step = program.add_step(name, noting(name, function), triggers={StepStatus.success: [after]})
        program.add_assoc(event, step, delay=delay if number else 0)
        event = after
    return program


def nothing() -> None:
    pass


def fails() -> None:
    raise ValueError("broken")


class Flaky:
    """Fails until it is fixed."""

    def __init__(self) -> None:
        self.fixed = False

    def __call__(self) -> str:
        if not self.fixed:
            raise ValueError("broken")
        return "fixed"
