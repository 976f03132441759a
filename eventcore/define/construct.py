"""What users may write under `task_construct`, in one canonical form."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from eventcore.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor as FuturesApi

    Construct: TypeAlias = str | Callable[[], FuturesApi]  #: one of `NAMES`, or a factory

NAMES = ("process", "thread", "invoke", "async")


class Invoke:
    """Names the engine itself as the place where a step runs: `task_construct=Invoke`, as the seed's programs write."""


def canonical(construct: object, where: str) -> Construct:
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
        from concurrent.futures import Executor as FuturesApi
        from multiprocessing.process import BaseProcess

        kinds: list[tuple[type, str]] = [
            (BaseProcess, "process"), (threading.Thread, "thread"), (Invoke, "invoke"),
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
