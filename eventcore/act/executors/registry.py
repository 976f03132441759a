"""Where executors are found: by name, as `module:attribute`, or as the class or factory itself.

What users write under `task_construct` has one canonical form: a name of `NAMED`, an `Executor` class, or a factory of
a `concurrent.futures.Executor`. Executors are imported when they are needed, since most programs use one of them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from eventcore.act.executor import Executor
from eventcore.define.config import Config, StepConfig
from eventcore.errors import ConfigError

if TYPE_CHECKING:
    from eventcore.act.executor import Report, Setting

#: The executors that have a name.
NAMED = {
    "process": "eventcore.act.executors.process:ProcessExecutor",
    "thread": "eventcore.act.executors.threads:ThreadExecutor",
    "async": "eventcore.act.executors.coroutines:AsyncExecutor",
    "invoke": "eventcore.act.executors.invoke:InvokeExecutor",
}

#: Runs what has no executor class of its own: factories of `concurrent.futures` executors.
FACTORIES = "eventcore.act.executors.futures:FuturesExecutor"

#: Classes, and those derived from them, that stand for a named executor.
STANDING_FOR = {"multiprocessing.process:BaseProcess": "process", "threading:Thread": "thread"}


def canonical(construct: Any, where: str) -> Any:
    """The canonical form of a `task_construct`; raises `ConfigError` for what is none, beginning with `where`."""
    found = _imported(construct, where) if isinstance(construct, str) and ":" in construct else construct
    known: Any
    if isinstance(found, str):
        known = found if found in NAMED else None
    elif isinstance(found, type):
        known = _name_of(found) or (found if _is_executor(found) else None)
    else:
        known = found if callable(found) else None
    if known is None:
        raise ConfigError(
            f"{where}: unknown task_construct {construct!r}; use one of {', '.join(NAMED)}, multiprocessing.Process, "
            "threading.Thread, an eventcore Executor class, a concurrent.futures.Executor class or factory, or the "
            "name of one as 'module:name'"
        )
    return known


Settings = TypeVar("Settings", Config, StepConfig)


def with_construct(own: Settings, where: str) -> Settings:
    """A configuration with its `task_construct` in canonical form; raises `ConfigError` for what is none."""
    if own.task_construct is None:
        return own
    return msgspec.structs.replace(own, task_construct=canonical(own.task_construct, where))


def executor_class(construct: Any) -> type[Executor]:
    """The class that runs the steps of a canonical `task_construct`."""
    if isinstance(construct, type) and issubclass(construct, Executor):
        return construct
    return cast("type[Executor]", _attribute(NAMED[construct] if isinstance(construct, str) else FACTORIES))


def make_executor(report: Report, setting: Setting) -> Executor:
    """An executor for `setting.construct`; raises whatever making it raises."""
    return executor_class(setting.construct)(report, setting)


def _name_of(kind: type) -> str | None:
    """The name that a class stands for; what is not imported yet cannot be its base."""
    own = f"{kind.__module__}:{kind.__qualname__}"
    for name, path in NAMED.items():
        if own == path:
            return name
    for path, name in STANDING_FOR.items():
        module, _, attribute = path.partition(":")
        if module in sys.modules and issubclass(kind, getattr(sys.modules[module], attribute)):
            return name
    return None


def _is_executor(kind: type) -> bool:
    if issubclass(kind, Executor):
        return True
    from concurrent.futures import Executor as FuturesApi

    return issubclass(kind, FuturesApi)


def _imported(name: str, where: str) -> Callable[..., Any]:
    try:
        found = _attribute(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{where}: task_construct {name!r} cannot be imported: {error}") from None
    if not callable(found):
        raise ConfigError(f"{where}: task_construct {name!r} is not callable; name a class or a factory")
    return cast("Callable[..., Any]", found)


def _attribute(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
