"""Turns a task into the call that a worker gets: arguments, names, environment and log."""

from __future__ import annotations

import os
from typing import Any, Protocol

from eventcore.act.console import Console
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.items import ItemRecord, LoopItems
from eventcore.act.own_folder import log_root
from eventcore.act.steplog import LogFolder, LogTarget
from eventcore.decide.plan import Plan
from eventcore.decide.state import Task
from eventcore.define.config import Config
from eventcore.define.program import Loop, Step
from eventcore.define.reference import has_references, resolved
from eventcore.define.values import decode
from eventcore.errors import StoreError
from eventcore.moment import Moment

LONGEST_VARIABLE = 100_000  #: bytes; with a longer one in its environment, a step could start no program on Linux


class Record(ItemRecord, Protocol):
    """What calls are made from, as recorded."""

    def result(self, step: str, sequence: str) -> str | None:
        """A task's result as tagged JSON."""


class CallMaker:
    """Makes the calls of one run and recovery from what is recorded."""

    def __init__(self, plan: Plan, run_id: str, recovery: int, program: str, record: Record,
                 console: Console) -> None:  # fmt: skip
        self._plan = plan
        self._config: Config = plan.config
        self._run_id = run_id
        self._recovery = recovery
        self._record = record
        root, is_own = log_root(plan.config.logdir)
        folder = LogFolder(root, program, run_id).path
        self._log = LogTarget(folder, root if is_own else None, plan.config.logging_level, console)
        self._items = LoopItems(record)
        self._refers: dict[str, bool] = {}  #: by step, whether references stand among its arguments

    def make(self, task: Task, start_by: Moment | None) -> Call:
        """The call for the task's current try; raises whatever resolving its references raises."""
        step = task.step
        args: Any = step.args
        kwargs: Any = step.kwargs
        if (args or kwargs) and self._has_references(step):
            args, kwargs = resolved(args, self, task.sequence), resolved(kwargs, self, task.sequence)
        prefix = self._config.of_step(step.config, "envvar_prefix")
        environment = {
            f"{prefix}STEP_NAME": step.path,
            f"{prefix}STEP_SEQUENCE": task.sequence,
            f"{prefix}STEP_RECOVERY": str(self._recovery),
        }
        extras = step.place.extras
        if extras:
            values = {reference: reference.resolve(self, task.sequence) for reference in extras.values()}
            extras = {name: values[reference] for name, reference in extras.items()}
            for name, reference in step.place.environment.items():
                text = str(values[reference])
                if _fits_environment(text):
                    environment[f"{prefix}{name}"] = text
        assert step.func is not None
        return Call(
            step.func,
            args,
            kwargs,
            Current(step.path, task.sequence, self._recovery, task.try_number, self._run_id, extras),
            environment,
            self._log,
            start_by,
            step.place.result_needed,
        )

    def _has_references(self, step: Step) -> bool:
        found = self._refers.get(step.name)
        if found is None:
            found = self._refers[step.name] = has_references((step.args, step.kwargs))
        return found

    def result(self, step: str, sequence: str) -> Any:
        """A recorded result, read back (see `eventcore.define.reference.Lookup`)."""
        try:
            text = self._record.result(step, sequence)
            return None if text is None else decode(text)
        except (StoreError, ValueError) as error:
            raise StoreError(f"the result of step {step!r} at {sequence} cannot be used: {error}") from None

    def item(self, container: str, sequence: str, key: str) -> Any:
        """See `eventcore.define.reference.Lookup`."""
        return self._items.value(self._loop(container), sequence, key)

    def keys(self, container: str, sequence: str) -> tuple[list[str], bool]:
        """See `eventcore.define.reference.Lookup`."""
        return self._items.keys(self._loop(container), sequence)

    def _loop(self, container: str) -> Loop:
        loop = self._plan.steps[container].loop
        assert loop is not None
        return loop


def _fits_environment(text: str) -> bool:
    """Whether an environment can hold the text; steps also find it in their arguments and in `current()`."""
    try:
        return "\0" not in text and len(os.fsencode(text)) <= LONGEST_VARIABLE
    except UnicodeEncodeError:
        return False
