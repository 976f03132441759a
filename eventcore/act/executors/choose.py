"""From a canonical `task_construct` to an executor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eventcore.act.executors.base import Executor, Report
from eventcore.define.config import Config

if TYPE_CHECKING:
    from eventcore.define.construct import Construct


def capacity(construct: Construct, max_concurrent: int) -> int | None:
    """How many calls an executor can run at once, beside what the configuration allows; None for no limit.

    Without a limit in the configuration, processes are limited to what the machine can bear.
    """
    if construct == "invoke":
        return 1
    if construct == "process" and max_concurrent < 1:
        return max(16, 4 * (os.cpu_count() or 1))
    return None


def make_executor(construct: Construct, report: Report, config: Config) -> Executor:
    """The executor for a canonical `task_construct`."""
    if construct == "invoke":
        from eventcore.act.executors.invoke import InvokeExecutor

        return InvokeExecutor(report)
    if construct == "process":
        from eventcore.act.executors.process import ProcessExecutor

        workers = capacity(construct, config.max_concurrent) or config.max_concurrent
        return ProcessExecutor(report, workers, config.logging_level)
    if construct == "async":
        from eventcore.act.executors.coroutines import AsyncExecutor

        return AsyncExecutor(report)
    from eventcore.act.executors.futures import FuturesExecutor, Threads

    return FuturesExecutor(report, Threads if isinstance(construct, str) else construct)
