"""From a model's program to a real one, and from its runs to the model's results."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import eventcore as evr
from eventcore.define.status import RunMode, TaskStatus
from eventcore.record.store import Store
from tests.model.kernel import AllOf, AnyOf, KernelResult, Outcomes, ProgramSpec, StepSpec, Task, Tree
from tests.property.reading import Recorded, recorded, share

_numbers = count()


class ToldToFailError(Exception):
    """The outcome that the model wants."""


class Calls:
    """The function of every step: keeps count, and ends as the outcomes say."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self.counts: Counter[Task] = Counter()
        self.failures: Counter[Task] = Counter()
        self.order: list[Task] = []
        self._lock = threading.Lock()

    def __call__(self) -> None:
        view = evr.current()
        task = (view.name, view.sequence)
        with self._lock:
            self.counts[task] += 1
            self.order.append(task)
            outcome = self.outcomes(*task, self.counts[task])
            self.failures[task] += outcome == "failure"
        if outcome == "failure":
            raise ToldToFailError


class KernelRun:
    """One run of a model's program by the real engine, through any number of recoveries and continuations."""

    def __init__(self, program: ProgramSpec, outcomes: Outcomes, store: Store, construct: str = "invoke") -> None:
        self.program = program
        self.calls = Calls(outcomes)
        self.store = store
        self.construct = construct
        self.run_id = f"run-{next(_numbers)}"

    def start(self, max_loops: int = -1) -> KernelResult:
        return self._run(RunMode.restart, max_loops)

    def recover(self, max_loops: int = -1, recovery_run: int | None = None) -> KernelResult:
        return self._run(RunMode.recover, max_loops, recovery_run=recovery_run)

    def go_on(self, max_loops: int = -1) -> KernelResult:
        return self._run(RunMode.continue_, max_loops)

    def _run(self, mode: RunMode, max_loops: int, **arguments: Any) -> KernelResult:
        self.calls.order.clear()
        program = built(self.program, self.calls, self.store, self.construct, mode, self.run_id)
        with in_time():
            ok = program.run(max_loops, **arguments)
        found = self.recorded()
        check_record(self.program, found, self.calls)
        return KernelResult(found.facts, found.tasks, ok, dict(self.calls.counts), tuple(self.calls.order))

    def recorded(self) -> Recorded:
        return recorded(self.store, self.run_id)


def check_record(program: ProgramSpec, found: Recorded, calls: Calls) -> None:
    """What holds of every record, whatever the program."""
    assert found.failures == +calls.failures
    assert TaskStatus.active not in found.tasks.values()


def built(program: ProgramSpec, calls: Calls, store: Store, construct: str, mode: RunMode, run_id: str) -> evr.Eventor:
    """The program, anew."""
    made = evr.Eventor(
        "model", store=store.location, run_mode=mode, run_id=run_id, logging_level="CRITICAL",
        config={
            "task_construct": construct, "max_concurrent": program.max_concurrent, "console": False,
            "stop_on_exception": program.stop_on_exception, "durability": "normal",
        },
    )  # fmt: skip
    if not store.backend.is_shared:
        share(made, store)
    events: dict[str, Any] = {}
    for event in program.events:
        events[event.name] = made.add_event(event.name, None if event.expr is None else expression(event.expr, events))
    pools = {name: evr.ResourcePool(name, limit) for name, limit in program.pools}
    steps = {step.name: add_step(made, step, calls, events, pools) for step in program.steps}
    for assoc in program.assocs:
        made.add_assoc(events[assoc.event], *({**events, **steps}[name] for name in assoc.targets), delay=assoc.delay)
    for name, sequence in program.starts:
        made.trigger_event(events[name], sequence)
    return made


def expression(tree: Tree[str], events: dict[str, Any]) -> Any:
    """The expression as users write it."""
    if isinstance(tree, AllOf):
        return tuple(expression(part, events) for part in tree.parts)
    if isinstance(tree, AnyOf):
        return evr.or_(*(expression(part, events) for part in tree.parts))
    return events[tree]


def add_step(made: evr.Eventor, step: StepSpec, calls: Calls, events: dict[str, Any], pools: dict[str, Any]) -> Any:
    config: dict[str, Any] = {"retries": step.retries}
    if step.stop_on_exception is not None:
        config["stop_on_exception"] = step.stop_on_exception
    if step.max_concurrent:
        config["max_concurrent"] = step.max_concurrent
    return made.add_step(
        step.name,
        calls if step.function else None,
        triggers={status: [events[name] for name in names] for status, names in step.triggers},
        acquires=[(pools[name], amount) for name, amount in step.acquires],
        releases=None if step.releases is None else [(pools[name], amount) for name, amount in step.releases],
        recovery=dict(step.recovery),
        config=config,
    )


@contextmanager
def in_time(seconds: float = 20.0) -> Iterator[None]:
    """Fail where an engine waits for ever."""

    def late(*_: object) -> None:
        raise AssertionError(f"the run is not over after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
