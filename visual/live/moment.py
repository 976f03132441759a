"""A run at one moment, read from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from eventcore.define.status import TaskStatus, Verdict
from eventcore.record.pending import pending_delays
from eventcore.record.reading import Reader
from eventcore.record.views import InstanceView, RunView
from visual.instances import Instances
from visual.outline import StepNode, outline_of
from visual.reading import failures, standings
from visual.standing import Standing

MOST = 50  #: active instances, failures or retries that are read


class Wait(msgspec.Struct, frozen=True):
    """An instance that waits for its time."""

    sequence: str
    due: float  #: UTC in seconds since 1970
    try_number: int | None = None  #: the try that begins then; None where a delay ends
    step: str = ""  #: the kernel's name of the step


class Moment(msgspec.Struct, frozen=True):
    """What is shown of a run; active instances and failures by the kernel's step name, waits by path."""

    at: float  #: UTC in seconds since 1970
    run: RunView
    nodes: tuple[StepNode, ...]
    standings: Mapping[str, Standing]
    active: Mapping[str, list[InstanceView]]
    waits: Mapping[str, list[Wait]]
    failures: Mapping[str, list[InstanceView]]
    items: Mapping[tuple[str, str], str] = {}  #: of steps at sequences: the sequence and the items of the loops around

    def named(self, step: str, sequence: str) -> str:
        """An instance without its path, such as `@1.2 [tue]`."""
        return f"@{self.items.get((step, sequence), sequence)}"

    def failed(self, node: StepNode) -> list[InstanceView]:
        """The failures of a step that say why; that of a whole loop does where its items could not be computed."""
        return [task for name in node.kernel_names for task in self.failures.get(name, ()) if task.error]

    @property
    def is_over(self) -> bool:
        """Whether no engine works on it, and none is to begin or adopt it."""
        run = self.run
        return not run.is_held and not (run.is_submitted and run.verdict.is_open)

    @property
    def is_ok(self) -> bool:
        """Whether nothing unhandled has failed, nothing is stalled, and no engine died."""
        return self.run.verdict in (Verdict.success, Verdict.pending)


def look(reader: Reader, run_id: str | None, now: float) -> Moment:
    """The named run, or the latest, as it stands; raises `RunNotFoundError`."""
    run = reader.run(run_id, now)
    nodes = outline_of(reader.program(run))
    known = standings(reader, run)
    present = {word for standing in known.values() for word in standing.counts}
    running = (TaskStatus.active,)
    active = _by_step(
        reader.instances(run, statuses=running, since=run.counts_from, limit=MOST) if "active" in present else ()
    )
    failed = _by_step(failures(reader, run, MOST) if "failure" in present else ())
    waits = _waits(reader, run, nodes, known)
    reached = (*active.values(), *failed.values())
    named = [(task.step, task.sequence) for tasks in reached for task in tasks]
    named += [(found[0].step, found[0].sequence) for found in waits.values()]
    instances = Instances(reader, run)
    return Moment(now, run, nodes, known, active, waits, failed, {place: instances.at(*place) for place in named})


def _by_step(tasks: Iterable[InstanceView]) -> dict[str, list[InstanceView]]:
    found: dict[str, list[InstanceView]] = defaultdict(list)
    for task in tasks:
        found[task.step].append(task)
    return dict(found)


def _waits(reader: Reader, run: RunView, nodes: tuple[StepNode, ...],
           known: Mapping[str, Standing]) -> dict[str, list[Wait]]:  # fmt: skip
    found: dict[str, list[Wait]] = defaultdict(list)
    steps = reader.program(run).step_named
    for delay in pending_delays(reader, run):
        step = steps.get(delay.target) if delay.kind == "step" else None
        if step is not None:
            found[step.path].append(Wait(delay.sequence, delay.due, step=delay.target))
    for node in (inner for top in nodes for inner in top.walk()):
        standing = known.get(node.kernel_name)
        if standing is not None and standing.tries > 1 and standing.counts.get("ready"):
            ready = (TaskStatus.ready,)
            tasks = reader.instances(run, step=node.kernel_name, statuses=ready, since=run.counts_from, limit=MOST)
            found[node.path] += [Wait(t.sequence, t.due, t.try_number, t.step) for t in tasks if t.due is not None]
    return {path: sorted(waits, key=lambda wait: wait.due) for path, waits in found.items()}
