"""Turns a task into the call that a worker gets: arguments, names, environment and log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from eventcore.act.console import Console
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.items import ItemRecord, LoopItems
from eventcore.act.lender import Lender
from eventcore.act.own_folder import log_root
from eventcore.act.steplog import LogFolder, LogTarget
from eventcore.act.variables import STEP_VARIABLE, fits_environment
from eventcore.decide.plan import Plan
from eventcore.decide.state import Task
from eventcore.define.config import Config
from eventcore.define.program import COMPUTING, Step
from eventcore.define.reference import LoopKeys, has_references, resolved
from eventcore.define.scopes import Loop
from eventcore.define.sealed import Sealed, value_or_sealed
from eventcore.define.values import Content
from eventcore.errors import StoreError
from eventcore.moment import Moment

_NONE: Mapping[str, str] = {}


class Record(ItemRecord, Protocol):
    """What calls are made from, as recorded."""

    def result(self, step: str, sequence: str) -> str | None:
        """A task's result as tagged JSON."""

    def results_in(self, step: str, around: str) -> Iterator[tuple[str, Callable[[], str | None]]]:
        """The sequences inside `around` at which a step has results, with what reads each of them."""

    def emitted(self, event: str, sequence: str) -> str | None:
        """The value with which an event was emitted, as tagged JSON."""

    def result_file(self, name: str) -> Content:
        """What a result has in a file of that name; raises `StoreError` where that cannot be read."""


class CallMaker:
    """Makes the calls of one run and recovery from what is recorded."""

    def __init__(self, plan: Plan, run_id: str, recovery: int, program: str, record: Record,
                 console: Console, lender: Lender | None = None) -> None:  # fmt: skip
        self._plan = plan
        self._config: Config = plan.config
        self._run_id = run_id
        self._recovery = recovery
        self._record = record
        self._store = "" if lender is None else lender.location
        self._lender = lender
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
        if step.place.own and self._store:
            environment[STEP_VARIABLE] = self._address(task)
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
        view = Current(step.path, task.sequence, self._recovery, task.try_number, self._run_id, extras,
                       store=self._store, own=_own(step) if step.place.own else _NONE,
                       part=step.role.part)  # fmt: skip
        assert step.func is not None
        return Call(
            step.func,
            args,
            kwargs,
            view,
            environment,
            self._log,
            start_by,
            step.place.result_needed,
            None if step.role in COMPUTING else self._config.max_result_size,
            self._has_sealed,
            variables,
        )

    def _address(self, task: Task) -> str:
        """How a program that the step starts finds the run and the step's events."""
        lender = "" if self._lender is None else self._lender.address()
        return json.dumps([self._store, self._run_id, task.step.path, task.sequence, _own(task.step), lender])

    def _has_references(self, step: Step) -> bool:
        found = self._refers.get(step.name)
        if found is None:
            found = self._refers[step.name] = has_references((step.args, step.kwargs))
        return found

    def result(self, step: str, sequence: str) -> Any:
        """A recorded result, read back or sealed (see `eventcore.define.reference.Lookup`)."""
        return self._value(step, sequence, lambda: self._record.result(step, sequence))

    def results_in(self, step: str, around: str) -> dict[str, Any]:
        """See `eventcore.define.reference.Lookup`."""
        return {at: self._value(step, at, read) for at, read in self._record.results_in(step, around)}

    def _value(self, step: str, sequence: str, read: Callable[[], str | None]) -> Any:
        """A result from its text, sealed if a codec is needed to read it."""
        what = f"the result of step {step!r} at {sequence}"
        try:
            text = read()
            return None if text is None else self._noted(value_or_sealed(text, what, self._record.result_file))
        except (StoreError, ValueError) as error:
            raise StoreError(f"{what} cannot be used: {error}") from None

    def value(self, event: str, sequence: str) -> Any:
        """See `eventcore.define.reference.Lookup`."""
        what = f"the value of event {event!r} at {sequence}"
        text = self._record.emitted(event, sequence)
        try:
            return None if text is None else self._noted(value_or_sealed(text, what, self._record.result_file))
        except (StoreError, ValueError) as error:
            raise StoreError(f"{what} cannot be used: {error}") from None

    def item(self, container: str, sequence: str, key: str) -> Any:
        """See `eventcore.define.reference.Lookup`."""
        return self._noted(self._items.value(self._loop(container), sequence, key))

    def size(self, container: str, sequence: str) -> int:
        """See `eventcore.define.reference.Lookup`."""
        return self._record.loop_size(container, sequence)

    def keys(self, container: str, sequence: str) -> LoopKeys:
        """See `eventcore.define.reference.Lookup`."""
        loop = self._loop(container)
        if loop.until is None:
            return self._items.keys(loop, sequence)
        return _numbers(self.size(container, sequence)), False

    def keys_in(self, container: str, around: str) -> Mapping[str, LoopKeys]:
        """See `eventcore.define.reference.Lookup`."""
        loop = self._loop(container)
        if loop.until is None:
            return self._items.keys_in(loop, around)
        return {at: (_numbers(size), False) for at, size in self._record.loop_sizes(container, around).items()}

    def key_before(self, container: str, sequence: str, key: str, back: int) -> str | None:
        """See `eventcore.define.reference.Lookup`."""
        loop = self._loop(container)
        if loop.until is None:
            return self._items.key_before(loop, sequence, key, back)
        return str(int(key) - back) if int(key) > back else None

    def _noted(self, value: Any) -> Any:
        self._has_sealed |= isinstance(value, Sealed)
        return value

    def _loop(self, container: str) -> Loop:
        loop = self._plan.steps[container].loop
        assert loop is not None
        return loop


def _numbers(size: int) -> list[str]:
    return [str(number) for number in range(1, size + 1)]


def _own(step: Step) -> Mapping[str, str]:
    """The events that the step may emit: the kernel's names of them by its own."""
    return {own.name: own.event.name for own in step.place.own}
