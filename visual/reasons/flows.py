"""Why a step of a flow was not reached at a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eventcore.define.status import TaskStatus
from eventcore.record.reading import InstanceView
from visual.outline import StepNode
from visual.reasons.known import Known, Reason, listed, state_of
from visual.reasons.standing import why_it_stands, why_nothing_starts


def depth(path: str) -> int:
    """How many keys the sequences of a step have."""
    return path.count("/") + 1


def kernel_name(node: StepNode, sequence: str) -> str:
    """The kernel's step that has the instance: of a step with a loop of its own, the whole loop or one iteration."""
    return node.path if sequence.count(".") + 1 == depth(node.path) else node.kernel_name


def why_not_reached(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    """What keeps the step from being reached at the sequence."""
    is_body = sequence.count(".") + 1 > depth(node.path)
    container = node.path if is_body else node.path.rpartition("/")[0]
    if container and (reasons := _outside(known, container, sequence)) is not None:
        return reasons
    found = [] if is_body else list(_requirement(known, node, sequence))
    if not found:
        found = _delay(known, node, sequence)
    if not found and not known.run.is_held and not known.tallies:
        found = [Reason("run", "nothing of the run has started")]
    if container and (f"{container}#halted", sequence) in known.facts:
        text = f"a failure ended iteration {sequence} of {container}, and nothing new starts in it"
        found.append(Reason("container", text))
    return found + why_nothing_starts(known)


def _outside(known: Known, container: str, sequence: str) -> list[Reason] | None:
    """What keeps the iteration around it from beginning; None where it has begun."""
    at, _, key = sequence.rpartition(".")
    name, task = f"{container}@{at}", known.instance(container, at)
    if task is None:
        reasons = why_not_reached(known, known.nodes[container], at)
        return [Reason("container", f"its container {name} has not been reached"), *about(name, reasons)]
    if (f"{container}#begin", sequence) in known.facts:
        return None
    if task.status is TaskStatus.ready:
        text = f"its container {name} has not started"
    elif task.status.is_over:
        text = f"its container {name} ended ({task.status.value}) without iteration {key}"
    else:
        text = f"iteration {key} of {name} has not begun"
    return [Reason("container", text), *about(name, why_it_stands(known, task))]


def about(name: str, reasons: list[Reason]) -> list[Reason]:
    """The reasons of another instance, told as such."""
    is_told = ("engine", "paused", "run", "container")
    return [r if r.kind in is_told or ": it " in r.text else Reason(r.kind, f"{name}: {r.text}") for r in reasons]


def _requirement(known: Known, node: StepNode, sequence: str) -> Iterator[Reason]:
    tree = node.require
    if tree is None:
        return
    for part in tree.get("and", [tree]):
        if not _holds(known, part, sequence):
            standings = listed(list(dict.fromkeys(_standings(known, part, sequence))))
            yield Reason("requirement", f"it requires {_words(part)}, and {standings}")


def _holds(known: Known, tree: Mapping[str, Any], sequence: str) -> bool:
    if "and" in tree:
        return all(_holds(known, part, sequence) for part in tree["and"])
    if "or" in tree:
        return any(_holds(known, part, sequence) for part in tree["or"])
    return _came(_named(known, tree, sequence), tree["status"])


def _named(known: Known, leaf: Mapping[str, Any], sequence: str) -> InstanceView | None:
    """The task that a clause means, as far as the present recovery has reached it."""
    task = known.instance(leaf["step"], _enclosing(leaf, sequence))
    return None if task is None or task.recovery < known.run.recovery else task


def _enclosing(leaf: Mapping[str, Any], sequence: str) -> str:
    return ".".join(sequence.split(".")[: depth(leaf["step"])])


def _came(task: InstanceView | None, status: str) -> bool:
    if task is None:
        return False
    done, failed = task.status.is_done, task.status is TaskStatus.failure
    moments = {
        "ready": True, "active": done or failed or task.status is TaskStatus.active, "success": done, "failure": failed,
        "complete": done or failed,
    }  # fmt: skip
    return moments[status]


def _standings(known: Known, tree: Mapping[str, Any], sequence: str) -> Iterator[str]:
    if "step" not in tree:
        for part in next(iter(tree.values())):
            yield from _standings(known, part, sequence)
        return
    name, task = f"{tree['step']}@{_enclosing(tree, sequence)}", _named(known, tree, sequence)
    if task is None:
        yield f"{name} has not been reached" + (" in this recovery" if known.run.recovery else "")
    elif task.status.is_over and not _came(task, tree["status"]):
        yield f"{name} ended with {task.status.value}"
    else:
        yield f"{name} is {state_of(task, known.run)}"


def _words(tree: Mapping[str, Any], *, inner: bool = False) -> str:
    if "step" in tree:
        return f"{tree['step']} {tree['status']}"
    word, parts = next(iter(tree.items()))
    text = f" {word} ".join(_words(part, inner=True) for part in parts)
    return f"({text})" if inner else text


def _delay(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    for association, at, due in known.delays:
        if at == sequence and association.endswith(f" -> step {node.path}"):
            return [Reason("delay", f"its delay of {node.delay:g} s is due {known.when(due)}")]
    return []
