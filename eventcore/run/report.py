"""How an engine's work on a run ended."""

from __future__ import annotations

import msgspec

from eventcore.decide import delays, verdict
from eventcore.decide.context import Context
from eventcore.define.status import Verdict


class Report(msgspec.Struct):
    """How a call of `run` ended."""

    verdict: Verdict
    todos: int = 0
    next_due: float | None = None  #: UTC in seconds
    stalled: list[str] = []  #: what waits for what
    not_reached: list[str] = []
    interrupted: bool = False
    held_back: int = 0  #: tasks that were reached and not run, because only others are to run again
    started: int = 0  #: tries that it started

    @property
    def ok(self) -> bool:
        """The answer of `run`: True while nothing unhandled has failed and nothing is stalled."""
        return self.verdict in (Verdict.success, Verdict.pending)


def report_of(context: Context, started: int, *, interrupted: bool) -> Report:
    """How the run stands now that its engine stops."""
    found = verdict.of(context)
    if interrupted and found is Verdict.success:
        found = Verdict.pending
    return Report(
        found,
        verdict.todos(context),
        delays.next_due(context),
        [f"{wait.task!r} waits for {wait.waits_for}" for wait in verdict.stalled(context)],
        [
            f"{event}@{sequence} (still missing: {', '.join(missing)})"
            for event, sequence, missing in verdict.not_reached(context)
            if not context.plan.has_scopes
        ],
        interrupted,
        context.state.held_back,
        started,
    )
