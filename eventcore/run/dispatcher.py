"""Starting tasks: hands each to the executor that its step names, and knows which ones are with one."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType

from eventcore.act.calls import CallMaker
from eventcore.act.envelope import failed
from eventcore.act.executor import CANCELLED
from eventcore.act.executors.collection import Executors
from eventcore.decide.state import Task
from eventcore.define.config import Config, Construct
from eventcore.define.outcome import Again, Deferred, Emission, Outcome, Skipped
from eventcore.define.program import Step
from eventcore.define.values import FILE_NAME
from eventcore.errors import EventcoreError
from eventcore.moment import Moment
from eventcore.run.waiting import Emitted, Ended

TEXT = (str, NoneType)
SECONDS = (float, int, NoneType)


class Dispatcher:
    """Starts the tasks of one engine on its executors; what they report is posted."""

    def __init__(self, config: Config, calls: CallMaker, executors: Executors,
                 post: Callable[[Ended | Emitted], None]) -> None:  # fmt: skip
        self._config = config
        self._calls = calls
        self._executors = executors
        self._post = post
        executors.report_to(self._reported)
        self._by_step: dict[str, tuple[Construct, float | None]] = {}  #: with the timeout
        self._tickets: dict[int, Task] = {}
        self._held: list[int] | None = None  #: tickets that wait until the lease is renewed; None: it is not silent
        self.started = 0  #: tries so far; the latest has this number as its ticket

    def __len__(self) -> int:
        """How many tasks are with an executor."""
        return len(self._tickets)

    def start(self, task: Task, start_by: Moment | None) -> None:
        """Have the task's current try run if it begins in time; a call that cannot be made is a failure of the try."""
        self.started += 1
        ticket = self.started
        self._tickets[ticket] = task
        if self._held is None:
            self._start(ticket, task, start_by)
        else:
            self._held.append(ticket)

    def hold(self) -> None:
        """Start nothing from now on until `release`: the run may be another engine's soon."""
        if self._held is None:
            self._held = []

    def release(self, start_by: Moment | None) -> None:
        """Start what was held, and what comes."""
        held, self._held = self._held or (), None
        for ticket in held:
            self._start(ticket, self._tickets[ticket], start_by)

    @property
    def is_holding(self) -> bool:
        """Whether nothing is started now."""
        return self._held is not None

    def _start(self, ticket: int, task: Task, start_by: Moment | None) -> None:
        try:
            call = self._calls.make(task, start_by)
        except EventcoreError as error:
            self._reported(ticket, Outcome(False, error=f"{type(error).__name__}: {error}"))
            return
        except Exception as error:
            self._reported(ticket, failed(error))
            return
        construct, timeout = self._by_step.get(task.step.name) or self._served(task.step)
        self._executors.start(construct, ticket, call, timeout)

    def cancel(self, task: Task) -> None:
        """Have the task's worker ended, where that is possible."""
        ticket = next((ticket for ticket, known in self._tickets.items() if known is task), None)
        if self._held is not None and ticket in self._held:
            self._held.remove(ticket)
            self._reported(ticket, CANCELLED)
        elif ticket is not None and task.step.name in self._by_step:
            self._executors.cancel(self._by_step[task.step.name][0], ticket)

    def having(self, ticket: int) -> Task | None:
        """The task that an executor has; None where it is through with it."""
        return self._tickets.get(ticket)

    def taken_back(self, ticket: int) -> Task | None:
        """The task that an executor is through with; None where that was told before."""
        return self._tickets.pop(ticket, None)

    def close(self) -> None:
        """End what still runs, and release every worker."""
        self._executors.close()

    def _served(self, step: Step) -> tuple[Construct, float | None]:
        construct = self._config.of_step(step.config, "task_construct")
        served = self._by_step[step.name] = construct, self._config.of_step(step.config, "timeout")
        return served

    def _reported(self, ticket: int, outcome: Outcome | Emission) -> None:
        if type(outcome) is Emission:
            self._post(Emitted(ticket, outcome))
            return
        self._post(Ended(ticket, _checked(outcome)))


def _checked(outcome: object) -> Outcome:
    """The outcome, where it is one: executors are written by users, too."""
    if (
        type(outcome) is Outcome
        and isinstance(outcome.result, TEXT)
        and isinstance(outcome.error, TEXT)
        and isinstance(outcome.traceback, TEXT)
        and isinstance(outcome.seconds, SECONDS)
        and (outcome.instead is None or isinstance(outcome.instead, (Skipped, Again, Deferred)))
        and (outcome.files == {} or _are_files(outcome.files))
        and (outcome.raised == () or _are_events(outcome.raised))
        and (outcome.emitted == () or _are_emissions(outcome.emitted))
    ):
        return outcome
    return Outcome(False, error=f"its executor reported {outcome!r:.200}, which is no Outcome of texts and numbers")


def _are_events(raised: object) -> bool:
    return isinstance(raised, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], TEXT)
        for pair in raised
    )


def _are_emissions(emitted: object) -> bool:
    return isinstance(emitted, tuple) and all(
        type(one) is Emission
        and isinstance(one.event, str)
        and isinstance(one.sequence, TEXT)
        and isinstance(one.value, str)
        for one in emitted
    )


def _are_files(files: object) -> bool:
    return isinstance(files, dict) and all(
        isinstance(name, str) and FILE_NAME.fullmatch(name) and isinstance(content, bytes)
        for name, content in files.items()
    )
