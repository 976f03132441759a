"""How an engine's work on a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from eventcore.decide import delays, verdict
from eventcore.decide.turn import Turn
from eventcore.define.status import Verdict


@dataclass(slots=True)
class Report:
    """How a call of `run` ended."""

    verdict: Verdict
    todos: int = 0
    next_due: float | None = None  #: UTC in seconds
    stalled: list[str] = field(default_factory=list)  #: what waits for what
    not_reached: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """The answer of `run`: True while nothing unhandled has failed and nothing is stalled."""
        return self.verdict in (Verdict.success, Verdict.pending)


def report_of(turn: Turn, *, interrupted: bool) -> Report:
    """How the run stands now that its engine stops."""
    found = verdict.of(turn)
    if interrupted and found is Verdict.success:
        found = Verdict.pending
    return Report(
        found,
        verdict.todos(turn),
        delays.next_due(turn),
        [f"{wait.task!r} waits for {wait.waits_for}" for wait in verdict.stalled(turn)],
        [
            f"{event}@{sequence} (still missing: {', '.join(missing)})"
            for event, sequence, missing in verdict.not_reached(turn)
            if not turn.plan.events[event].scope and not turn.plan.has_parts
        ],
        interrupted,
    )
