"""A run at one moment, read from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from eventcore.define.status import TaskStatus, Verdict
from eventcore.record.pending import pending_delays
from eventcore.record.reading import Reader
from eventcore.record.views import InstanceView, RunView
from visual.outline import StepNode, outline_of
from visual.standing import Standing, standings

MOST = 50  #: active instances, failures or retries that are read


class Wait(msgspec.Struct, frozen=True):
    """An instance that waits for its time."""

    sequence: str
    due: float  #: UTC in seconds since 1970
    try_number: int | None = None  #: the try that begins then; None where a delay ends


class Moment(msgspec.Struct, frozen=True):
    """What is shown of a run; active instances and failures by the kernel's step name, waits by path."""

    at: float  #: UTC in seconds since 1970
    run: RunView
    nodes: tuple[StepNode, ...]
    standings: Mapping[str, Standing]
    active: Mapping[str, list[InstanceView]]
    waits: Mapping[str, list[Wait]]
    failures: Mapping[str, list[InstanceView]]

    @property
    def is_over(self) -> bool:
        """Whether no engine works on it."""
        return not self.run.is_held

    @property
    def is_ok(self) -> bool:
        """Whether nothing unhandled has failed, nothing is stalled, and no engine died."""
        return self.run.verdict in (Verdict.success, Verdict.pending)


def look(reader: Reader, run_id: str | None, now: float) -> Moment:
    """The named run, or the latest, as it stands; raises `RunNotFoundError`."""
    run = reader.run(run_id, now)
    nodes = outline_of(reader.program(run))
    known = standings(reader, run)
    return Moment(
        now, run, nodes, known,
        _by_step(reader, run, known, TaskStatus.active),
        _waits(reader, run, nodes, known),
        _by_step(reader, run, known, TaskStatus.failure),
    )  # fmt: skip


def _by_step(reader: Reader, run: RunView, known: Mapping[str, Standing],
             status: TaskStatus) -> dict[str, list[InstanceView]]:  # fmt: skip
    found: dict[str, list[InstanceView]] = defaultdict(list)
    if any(standing.counts.get(status.value) for standing in known.values()):
        for task in reader.instances(run, statuses=(status,), limit=MOST):
            found[task.step].append(task)
    return dict(found)


def _waits(reader: Reader, run: RunView, nodes: tuple[StepNode, ...],
           known: Mapping[str, Standing]) -> dict[str, list[Wait]]:  # fmt: skip
    found: dict[str, list[Wait]] = defaultdict(list)
    steps = reader.program(run).step_named
    for delay in pending_delays(reader, run):
        step = steps.get(delay.target) if delay.kind == "step" else None
        if step is not None:
            found[step.path].append(Wait(delay.sequence, delay.due))
    for node in (inner for top in nodes for inner in top.walk()):
        standing = known.get(node.kernel_name)
        if standing is not None and standing.tries > 1 and standing.counts.get("ready"):
            tasks = reader.instances(run, step=node.kernel_name, statuses=(TaskStatus.ready,), limit=MOST)
            found[node.path] += [Wait(t.sequence, t.due, t.try_number) for t in tasks if t.due is not None]
    return {path: sorted(waits, key=lambda wait: wait.due) for path, waits in found.items()}
