"""Checks, before anything runs, of what steps are to call: can it be sent to a worker, do the arguments fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from eventcore.act.envelope import is_plain, portable, travels_by_name
from eventcore.act.executors.registry import executor_class
from eventcore.define.config import Config
from eventcore.define.program import Program
from eventcore.define.reference import mapped


class Callee(NamedTuple):
    """What a step calls, and where."""

    path: str  #: of the step
    what: str  #: `function`, `loop`, `when`, `setup` or `teardown`
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    construct: Any  #: what runs it


def callees(program: Program, config: Config) -> Iterator[Callee]:
    """What the steps of a program call."""
    for step in program.steps.values():
        if step.func is not None:
            construct = config.of_step(step.config, "task_construct")
            yield Callee(step.path, "function", step.func, step.args, step.kwargs, construct)


def problems(found: Iterable[Callee]) -> Iterator[str]:
    """What cannot be called with its arguments or cannot travel to its worker, each as a sentence with its remedy."""
    signatures = dict[int, inspect.Signature | None]()  # flows call few functions, many times
    for callee in found:
        if id(callee.function) not in signatures:
            signatures[id(callee.function)] = _signature(callee.function)
        if (said := _misfit(callee, signatures[id(callee.function)])) is not None:
            yield said
        if executor_class(callee.construct).leaves_process(callee.construct):
            for part, said in _stuck(callee):
                yield (
                    f"step {callee.path!r}: {part} cannot be sent to a worker process ({said}); make it inside the "
                    "step, or run the step with task_construct 'thread' or 'invoke'"
                )


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """What the function takes; some functions of C and odd objects do not tell."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _misfit(callee: Callee, signature: inspect.Signature | None) -> str | None:
    """That the arguments do not fit the function."""
    function = callee.function
    if signature is None:
        return None
    try:
        signature.bind(*callee.args, **callee.kwargs)
    except TypeError as error:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        takes = "(...)"
        with suppress(Exception):  # a default's own repr
            takes = str(signature)
        called = f"{name}, which takes {takes}," if name.endswith(")") else f"{name}{takes}"
        return f"step {callee.path!r}: its {callee.what} {called} does not fit its arguments: {error}"
    return None


def _stuck(callee: Callee) -> Iterator[tuple[str, str]]:
    function = portable(callee.function)
    if not travels_by_name(function) and (said := _refusal(function)) is not None:
        yield f"its {callee.what}", said
    parts = [*((f"its argument {number}", value) for number, value in enumerate(callee.args, 1)),
             *((f"its argument {name!r}", value) for name, value in callee.kwargs.items())]  # fmt: skip
    for part, value in parts:
        if not is_plain(value) and (said := _refusal(value)) is not None:
            yield part, said


def _refusal(value: Any) -> str | None:
    import cloudpickle

    try:
        cloudpickle.dumps(mapped(value, lambda _: None))
    except Exception as error:  # whatever an object's own pickling raises
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None
