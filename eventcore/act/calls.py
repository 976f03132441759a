"""Turns a task into the call that a worker gets: arguments, names, environment and log."""

from __future__ import annotations

from typing import Any, Protocol

from eventcore.act.console import Console
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.items import ItemRecord, LoopItems
from eventcore.act.own_folder import log_root
from eventcore.act.steplog import LogFolder, LogTarget
from eventcore.act.variables import fits_environment
from eventcore.decide.plan import Plan
from eventcore.decide.state import Task
from eventcore.define.config import Config
from eventcore.define.program import COMPUTING, Loop, Step
from eventcore.define.reference import has_references, resolved
from eventcore.define.sealed import Sealed, value_or_sealed
from eventcore.define.values import Content
from eventcore.errors import StoreError
from eventcore.moment import Moment


class Record(ItemRecord, Protocol):
    """What calls are made from, as recorded."""

    def result(self, step: str, sequence: str) -> str | None:
        """A task's result as tagged JSON."""

    def result_file(self, name: str) -> Content:
        """What a result has in a file of that name; raises `StoreError` where that cannot be read."""


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
        self._has_sealed = False  #: whether something that the present call gets is sealed

    def make(self, task: Task, start_by: Moment | None) -> Call:
        """The call for the task's current try; raises whatever resolving its references raises."""
        step = task.step
        self._has_sealed = False
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
        variables: dict[str, Sealed] = {}
        if extras:
            values = {reference: reference.resolve(self, task.sequence) for reference in extras.values()}
            extras = {name: values[reference] for name, reference in extras.items()}
            for name, reference in step.place.environment.items():
                value = values[reference]
                if isinstance(value, Sealed):
                    variables[f"{prefix}{name}"] = value
                elif fits_environment(text := str(value)):
                    environment[f"{prefix}{name}"] = text
        assert step.func is not None
        return Call(
            step.func,
            args,
            kwargs,
            Current(
                step.path, task.sequence, self._recovery, task.try_number, self._run_id, extras, part=step.role.part
            ),
            environment,
            self._log,
            start_by,
            step.place.result_needed,
            None if step.role in COMPUTING else self._config.max_result_size,
            self._has_sealed,
            variables,
        )

    def _has_references(self, step: Step) -> bool:
        found = self._refers.get(step.name)
        if found is None:
            found = self._refers[step.name] = has_references((step.args, step.kwargs))
        return found

    def result(self, step: str, sequence: str) -> Any:
        """A recorded result, read back or sealed (see `eventcore.define.reference.Lookup`)."""
        what = f"the result of step {step!r} at {sequence}"
        try:
            text = self._record.result(step, sequence)
            if text is None:
                return None
            return self._noted(value_or_sealed(text, what, self._record.result_file))
        except (StoreError, ValueError) as error:
            raise StoreError(f"{what} cannot be used: {error}") from None

    def item(self, container: str, sequence: str, key: str) -> Any:
        """See `eventcore.define.reference.Lookup`."""
        return self._noted(self._items.value(self._loop(container), sequence, key))

    def size(self, container: str, sequence: str) -> int:
        """See `eventcore.define.reference.Lookup`."""
        return self._record.loop_size(container, sequence)

    def keys(self, container: str, sequence: str) -> tuple[list[str], bool]:
        """See `eventcore.define.reference.Lookup`."""
        loop = self._loop(container)
        if loop.until is None:
            return self._items.keys(loop, sequence)
        return [str(number) for number in range(1, self.size(container, sequence) + 1)], False

    def _noted(self, value: Any) -> Any:
        self._has_sealed |= isinstance(value, Sealed)
        return value

    def _loop(self, container: str) -> Loop:
        loop = self._plan.steps[container].loop
        assert loop is not None
        return loop
