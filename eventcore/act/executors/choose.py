"""From what users write under `task_construct` to an executor."""

from __future__ import annotations

import importlib
import multiprocessing.process
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor as FuturesApi
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from eventcore.act.executors.base import Executor, Report
from eventcore.errors import ConfigError

NAMES = ("process", "thread", "invoke", "async")


class Invoke:
    """Names the engine itself as the place where a step runs: `task_construct=Invoke`, as the seed's programs write."""


def canonical(construct: Any, where: str) -> Any:
    """One of `NAMES`, or a factory of a `concurrent.futures.Executor`; raises `ConfigError` for anything else.

    `multiprocessing.Process` and `threading.Thread` (or a subclass) stand for `process` and `thread`, `module:factory`
    for the factory of that name.
    """
    if isinstance(construct, str):
        if construct in NAMES:
            return construct
        if ":" in construct:
            return _imported(construct, where)
    elif isinstance(construct, type):
        kinds: list[tuple[type, str]] = [
            (multiprocessing.process.BaseProcess, "process"), (threading.Thread, "thread"), (Invoke, "invoke"),
        ]  # fmt: skip
        for base, name in kinds:
            if issubclass(construct, base):
                return name
        if issubclass(construct, FuturesApi):
            return construct
    elif callable(construct):
        return construct
    raise ConfigError(
        f"{where}: task_construct {construct!r} is not known; use one of {', '.join(NAMES)}, multiprocessing.Process, "
        "threading.Thread, a factory of a concurrent.futures.Executor, or its name as 'module:factory'"
    )


def _imported(name: str, where: str) -> Callable[[], FuturesApi]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{where}: task_construct {name!r} cannot be imported: {error}") from None
    if not callable(found):
        raise ConfigError(f"{where}: task_construct {name!r} is not callable; name a factory")
    factory: Callable[[], FuturesApi] = found
    return factory


def capacity(construct: Any, max_concurrent: int) -> int | None:
    """How many calls an executor can run at once, beside what the configuration allows; None for no limit.

    Without a limit in the configuration, processes are limited to what the machine can bear.
    """
    if construct == "invoke":
        return 1
    if construct == "process" and max_concurrent < 1:
        return max(16, 4 * (os.cpu_count() or 1))
    return None


def make_executor(construct: Any, report: Report, max_concurrent: int) -> Executor:
    """The executor for a canonical `task_construct`."""
    if construct == "invoke":
        from eventcore.act.executors.invoke import InvokeExecutor

        return InvokeExecutor(report)
    if construct == "process":
        from eventcore.act.executors.process import ProcessExecutor

        return ProcessExecutor(report, capacity(construct, max_concurrent) or max_concurrent)
    if construct == "async":
        from eventcore.act.executors.coroutines import AsyncExecutor

        return AsyncExecutor(report)
    from eventcore.act.executors.futures import FuturesExecutor

    if construct == "thread":
        workers = max_concurrent if max_concurrent >= 1 else 256
        return FuturesExecutor(report, lambda: ThreadPoolExecutor(workers, "eventcore-step"))
    return FuturesExecutor(report, construct)
