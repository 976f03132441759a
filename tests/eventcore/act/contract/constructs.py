"""The executors that keep the contract, and steps that run until they are told to end."""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest


def processes() -> ProcessPoolExecutor:
    """A factory of a standard executor whose workers share nothing with this process."""
    return ProcessPoolExecutor(2, mp.get_context("spawn"))


def threads() -> ThreadPoolExecutor:
    """A factory of a standard executor that stays in this process."""
    return ThreadPoolExecutor(2)


class Unruly(ThreadPoolExecutor):
    """An executor of which no future can be cancelled."""

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(*args, **kwargs)

        def cancel() -> bool:
            raise RuntimeError("not now")

        future.cancel = cancel  # type: ignore[method-assign]
        return future


CONSTRUCTS: dict[str, Any] = {
    "process": "process",
    "thread": "thread",
    "async": "async",
    "invoke": "invoke",
    "a factory of threads": threads,
    "a factory of processes": processes,
    "a factory whose futures raise when cancelled": Unruly,
}
SIDE_BY_SIDE = [name for name in CONSTRUCTS if name != "invoke"]
IN_THIS_PROCESS = ["thread", "async", "invoke", "a factory of threads"]
IN_WORKERS = ["process", "a factory of processes"]


def every(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test over these executors."""
    return pytest.mark.parametrize("name", names)


def until_there(path: str) -> None:
    """A step that ends when the file is there."""
    while not Path(path).exists():
        time.sleep(0.01)


async def until_cancelled() -> None:
    """A step that ends in no other way."""
    await asyncio.Event().wait()
