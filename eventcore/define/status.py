"""The states of tasks and runs, and the words users write for them."""

from enum import StrEnum


class TaskStatus(StrEnum):
    """The state of a task."""

    ready = "ready"  #: reached; waits for a slot, for resources or for its next try
    active = "active"  #: its function is running; for a container, it is walking its iterations
    success = "success"  #: its function returned, and the result is recorded
    failure = "failure"  #: its last try failed
    skipped = "skipped"  #: it had succeeded before; recovery carried its result over
    omitted = "omitted"  #: its function found nothing to do, and said so with `Skip`
    cancelled = "cancelled"  #: reached, but its iteration or the run was ended first

    @property
    def is_over(self) -> bool:
        """True when nothing more can happen to the task in this recovery."""
        return self not in (TaskStatus.ready, TaskStatus.active)

    @property
    def is_done(self) -> bool:
        """True when the task's work is recorded as done."""
        return self in (TaskStatus.success, TaskStatus.skipped)

    def __str__(self) -> str:
        return f"TaskStatus.{self.value}"


class StepStatus(StrEnum):
    """The moments in a step's life to which events can be mapped."""

    ready = "ready"  #: the step was reached
    active = "active"  #: it started
    success = "success"  #: it succeeded
    failure = "failure"  #: it failed, after its last try
    complete = "complete"  #: success or failure
    over = "over"  #: it ended in any way; in a flow, also that it is certain not to run. It handles no failure


class StepTriggers:
    """The older spelling of `StepStatus`, kept for programs that were written with it."""

    at_ready = StepStatus.ready
    at_active = StepStatus.active
    at_success = StepStatus.success
    at_failure = StepStatus.failure
    at_complete = StepStatus.complete


StepState = StateStatus = StepStatus  #: an older spelling of `StepStatus`, for `triggers` and `recovery`


class StepReplay(StrEnum):
    """What recovery does with a task that is in the run's history."""

    rerun = "rerun"  #: run it again
    skip = "skip"  #: take it as done, with the result that it has


class RunMode(StrEnum):
    """How an engine enters a run."""

    restart = "restart"  #: a new run
    recover = "recover"  #: the same run, next recovery: what is done is skipped
    continue_ = "continue"  #: the same run and recovery: picks up what is due


class Verdict(StrEnum):
    """The state of a run."""

    submitted = "submitted"  #: it has not begun: it waits for an engine that works off such runs
    running = "running"  #: an engine is working on it, or died doing so
    pending = "pending"  #: its engine ended with delays or tasks outstanding
    success = "success"  #: no failure was left unhandled
    failure = "failure"  #: an unhandled failure happened
    cancelled = "cancelled"  #: a user ended it
    stalled = "stalled"  #: a task waits for something that can no longer happen

    @property
    def is_open(self) -> bool:
        """True while the run has not come to its end."""
        return self in (Verdict.submitted, Verdict.running, Verdict.pending)


STEP_READY = StepStatus.ready
STEP_ACTIVE = StepStatus.active
STEP_SUCCESS = StepStatus.success
STEP_FAILURE = StepStatus.failure
STEP_COMPLETE = StepStatus.complete
STEP_OVER = StepStatus.over
STEP_RERUN = StepReplay.rerun
STEP_SKIP = StepReplay.skip
RUN_RESTART = RunMode.restart
RUN_RECOVER = RunMode.recover
RUN_CONTINUE = RunMode.continue_
