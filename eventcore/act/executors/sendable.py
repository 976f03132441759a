"""Checks, before anything runs, whether the steps of a program can be sent to their workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventcore.act.envelope import portable
from eventcore.act.executors.registry import executor_class
from eventcore.define.config import Config
from eventcore.define.program import Program, Step
from eventcore.define.reference import has_references


def unsendable(program: Program, config: Config) -> list[str]:
    """What cannot travel to a worker process, each as a sentence with its remedy."""
    return [
        f"step {step.path!r}: {part} cannot be sent to a worker process ({said}); make it inside the step, or run the "
        "step with task_construct 'thread' or 'invoke'"
        for step in program.steps.values()
        if step.func is not None and _leaves_the_process(config.of_step(step.config, "task_construct"))
        for part, said in _stuck(step)
    ]


def _leaves_the_process(construct: Any) -> bool:
    return executor_class(construct).leaves_process(construct)


def _stuck(step: Step) -> Iterator[tuple[str, str]]:
    assert step.func is not None
    parts: list[tuple[str, Any]] = [("its loop" if step.is_hidden else "its function", portable(step.func))]
    parts += [(f"its argument {number}", value) for number, value in enumerate(step.args, 1)]
    parts += [(f"its argument {name!r}", value) for name, value in step.kwargs.items()]
    for part, value in parts:
        if not has_references(value) and (said := _refusal(value)) is not None:
            yield part, said


def _refusal(value: Any) -> str | None:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception as error:  # whatever an object's own pickling raises
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None
