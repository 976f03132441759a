"""From a step, and perhaps a sequence, to the explanations of its instances."""

from __future__ import annotations

from eventcore.define.sequence import natural
from eventcore.define.status import TaskStatus
from eventcore.errors import EventcoreError
from eventcore.record.views import InstanceView
from visual.outline import StepNode
from visual.reading import unreached
from visual.reasons import flows, kernel
from visual.reasons.known import Explanation, Known, Reason, state_of
from visual.reasons.standing import how_it_stood, traceback_of, why_it_stands

MOST = 10  #: instances of one step that are told of


class SequenceError(EventcoreError):
    """The step has no instances at sequences of this form; the message says which it has."""


def explanations(known: Known, path: str, sequence: str | None = None) -> list[Explanation]:
    """Why the instance, or each instance of the step that has not succeeded, is in its state.

    Raises `SequenceError` for a sequence that the step cannot have.
    """
    node = known.nodes[path]
    if sequence is not None:
        _check(known, node, sequence)
        return [_explained(known, node, sequence)]
    undone = tuple(status for status in TaskStatus if not status.is_done)
    chosen = known.reader.instances(known.run, step=node.kernel_name, statuses=undone, limit=MOST)
    if not chosen:
        chosen = known.reader.instances(known.run, step=node.kernel_name, limit=1, last_first=True)
        waiting = _where_it_waits(known, node, is_reached=bool(chosen))
        if waiting or not chosen:
            return waiting or [_nowhere(known, node)]
    return [_explained(known, node, task.sequence) for task in chosen]


def _check(known: Known, node: StepNode, sequence: str) -> None:
    if not known.is_flow:
        return
    least = node.depth
    most = least + (node.body is not None)
    if not least <= sequence.count(".") + 1 <= most:
        keys = "one key" if least == 1 else f"{least} keys"
        example = f"{node.path}@{'.'.join('1' * least)}"
        raise SequenceError(f"{node.path}@{sequence}: this step's sequences have {keys}; write {example} or the like")


def _explained(known: Known, node: StepNode, sequence: str) -> Explanation:
    step = node.kernel_at(sequence) if known.is_flow else node.kernel_name
    name, items = known.named(node, sequence), known.instances.items(step, sequence)
    task = known.instance(step, sequence)
    if task is not None and task.counts_in(known.run):
        reasons = why_it_stands(known, task)
        if known.is_flow and task.status is TaskStatus.failure and task.started is None:
            reasons[1:1] = flows.unmet(known, node, sequence)  # it must run, and something has not come
        found = Explanation(node.path, sequence, state_of(task, known.run), name, reasons, items)
        return _with_recovery(known, task, found)
    reached = flows.why_not_reached(known, node, sequence) if known.is_flow else None
    reasons = kernel.why_not_reached(known, node.kernel_name, sequence) if reached is None else reached
    if task is not None:
        reasons = [how_it_stood(known, task), *reasons, *traceback_of(task)]
    return Explanation(node.path, sequence, unreached(known.run).state, name, reasons, items)


def _with_recovery(known: Known, task: InstanceView, found: Explanation) -> Explanation:
    if task.recovery < known.run.recovery:
        text = f"this is its state from recovery {task.recovery}; not rerun in recovery {known.run.recovery}"
        found.reasons.append(Reason("run", text))
    return found


def _where_it_waits(known: Known, node: StepNode, *, is_reached: bool) -> list[Explanation]:
    """The instances that a begun iteration, or an event that came, lets expect, and that are not there."""
    if not known.is_flow:
        expected = [] if is_reached else kernel.sequences(known, node.kernel_name)
    elif node.parent is not None:
        begun = known.reader.iterations_without(known.run, node.step.scope, node.step.name, MOST)
        expected = [iteration.sequence for iteration in begun]
    else:
        expected = [] if is_reached else ["1"]
    waiting = sorted(expected, key=natural)
    return [_explained(known, node, sequence) for sequence in waiting[-MOST:]]


def _nowhere(known: Known, node: StepNode) -> Explanation:
    """No instance of it can be named yet."""
    state = unreached(known.run).state
    if not known.is_flow:
        return Explanation(node.path, None, state, node.path, kernel.why_not_reached(known, node.kernel_name, None))
    container = node.parent or ""
    around = explanations(known, container)
    reasons = [Reason("container", f"no iteration of its container {container} has begun")]
    for one in around[:1]:
        reasons += flows.about(one.name, one.reasons)
    return Explanation(node.path, None, state, node.path, reasons)
