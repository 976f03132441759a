"""For tests of flows: run a flow in the test's own process, and assert what it did.

    from sequent.testing import run_flow

    def test_a_failed_load_is_reported():
        ran = run_flow(nightly.build(source="broken.csv"))
        assert ran.statuses["load@1"] is TaskStatus.failure
        assert ran.result("report") == "load failed"

Delays and the waits between tries take no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from eventcore.act.observer import Notice, Observer, TaskStarted, TurnRecorded
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.status import RunMode, TaskStatus, Verdict
from eventcore.define.suggestions import suggestion
from eventcore.errors import ResultNotFoundError
from eventcore.run.apart import apart
from eventcore.run.stored_run import StepNamed, TaskRecord
from sequent.errors import FlowError
from sequent.flow import Sequent

__all__ = ["FlowFacts", "run_flow"]


class FlowFacts(msgspec.Struct, frozen=True):
    """What a flow did; made by `run_flow`."""

    ok: bool  #: what `run` returned
    verdict: Verdict
    tasks: list[TaskRecord]  #: of all instances that were reached, containers included
    order: list[str]  #: the instances in the order in which they started, each once; no containers
    values: Mapping[str, Mapping[str, Any]]  #: the results, by path and sequence

    @property
    def statuses(self) -> dict[str, TaskStatus]:
        """The status of each instance that was reached, by `path@sequence`."""
        return {task.instance: task.status for task in self.tasks}

    @property
    def errors(self) -> dict[str, str]:
        """The error of each instance that failed, by `path@sequence`; a container fails without one of its own."""
        return {task.instance: task.error for task in self.tasks if task.error is not None}

    def results(self, step: StepNamed) -> dict[str, Any]:
        """The results of all instances of a step (or its path) that succeeded, by sequence.

        Raises `ResultNotFoundError` for a step that the flow does not have, and for a container.
        """
        path = step if isinstance(step, str) else step.path
        if path not in self.values:
            hint = suggestion(path, self.values, have="there are")
            raise ResultNotFoundError(f"there is no step {path!r} with results; {hint}")
        return dict(self.values[path])

    def result(self, step: StepNamed, sequence: int | str | None = None) -> Any:
        """The result of one instance of a step, whose sequence can be left out if there is only one.

        Raises `ResultNotFoundError` if it has not succeeded.
        """
        path, found = step if isinstance(step, str) else step.path, self.results(step)
        if sequence is None and len(found) == 1:
            return next(iter(found.values()))
        if str(sequence) in found:
            return found[str(sequence)]
        known = f"it has results at {', '.join(found)}" if found else "it has no results"
        errors = [f"{name}: {error.splitlines()[0]}" for name, error in self.errors.items()]
        told = f"; what failed is {', '.join(errors)}" if errors else ""
        at = "without a sequence" if sequence is None else f"at {sequence}"
        raise ResultNotFoundError(f"step {path!r} has no single result {at}; {known}{told}")


def run_flow(
    flow: Sequent, *, replace: Mapping[str, Callable[..., object]] = {}, answers: Mapping[str, object] = {},
    config: Mapping[str, object] = {},
) -> FlowFacts:  # fmt: skip
    """Run a flow and return what it did; the flow itself, its store and its settings stay as they are.

    The run is a new one in memory. `replace` gives steps, by path, other functions for this run; they get the same
    arguments. Patching the name of a step's function has no effect once the flow is built: the step has the function
    itself. Names that functions look up while they run can be patched, for steps run in threads of this process; one
    that has a `task_construct` of its own keeps it. Delays and the waits between tries take no time. `answers` has the
    values with which the waits of the flow, by path, are answered as soon as they wait; others end by their timeouts,
    and a run that only waits for an answer is pending. Logs are thrown away. `config` is laid over the flow's
    configuration. Raises what `run` raises, and a `FlowError` if `replace` names something that is not a step with a
    function, or `answers` something that is not a wait.
    """
    started = _Starts()
    observers: list[Observer] = [started, *([_Answers(flow, answers)] if answers else [])]
    with TemporaryDirectory(prefix="sequent-test-") as logs:
        settings = {"task_construct": "thread", "logdir": logs, **config}
        with _replaced(flow, replace), apart(flow, settings, VirtualClock(), observers):
            ok = flow.run(run_mode=RunMode.restart)
            paths = [step.path for step in flow.walk() if not step.children]
            tasks = flow.tasks()
            values = {path: flow.results(path) for path in paths}
            verdict = flow.verdict
    order = [name for name in started.names if name.rpartition("@")[0] in values]
    return FlowFacts(ok, verdict, tasks, order, values)


class _Answers(Observer):
    """Answers the waits that have an answer, as soon as they wait."""

    kinds = (TurnRecorded,)

    def __init__(self, flow: Sequent, answers: Mapping[str, object]) -> None:
        waits = [step.path for step in flow.walk() if step.wait is not None]
        for path in answers:
            if path not in waits:
                raise FlowError(f"answers: the flow has no wait {path!r}; {suggestion(path, waits, 'no waits')}")
        self._flow = flow
        self._answers = answers
        self._given: set[str] = set()

    def notify(self, notice: Notice) -> None:
        for path, value in self._answers.items():
            for task in self._flow.tasks(path):
                if task.status is TaskStatus.active and task.instance not in self._given:
                    self._given.add(task.instance)
                    self._flow.signal(path, value, task.sequence)


@contextmanager
def _replaced(flow: Sequent, functions: Mapping[str, Callable[..., object]]) -> Iterator[None]:
    """Inside, the steps at these paths have other functions."""
    steps = {step.path: step for step in flow.walk()}
    for path, function in functions.items():
        step = steps.get(path)
        if step is None:
            raise FlowError(f"replace: the flow has no step {path!r}; {suggestion(path, steps)}")
        if step.func is None:
            what = "is a container" if step.children else "has no function"
            raise FlowError(f"replace: step {path!r} {what}; name a step that has a function")
        if not callable(function):
            raise FlowError(f"replace: {function!r} for step {path!r} is not a function; pass one")
    before = {path: steps[path].func for path in functions}
    try:
        for path, function in functions.items():
            steps[path].func = function
        yield
    finally:
        for path, old in before.items():
            steps[path].func = old


class _Starts(Observer):
    """Hears which instances start, each once."""

    kinds = (TaskStarted,)

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def notify(self, notice: Notice) -> None:
        assert isinstance(notice, TaskStarted)
        self.names[f"{notice.step}@{notice.sequence}"] = None
