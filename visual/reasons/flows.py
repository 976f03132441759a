"""Why a step of a flow was not reached at a sequence."""

from __future__ import annotations

from collections.abc import Iterator

from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus
from eventcore.define.tree import Tree, group_of
from eventcore.record.views import InstanceView, IterationView
from visual.outline import StepNode, in_words
from visual.reasons.known import Known, Reason, listed, passed
from visual.reasons.standing import why_it_stands, why_nothing_starts


def why_not_reached(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    """What keeps the step from being reached at the sequence."""
    is_body = _keys(sequence) > node.depth
    container = node if is_body else known.nodes.get(node.parent or "")
    if container is not None and (reasons := _outside(known, container, sequence)) is not None:
        return reasons
    found = [] if is_body else unmet(known, node, sequence)
    if not found and known.run.ended is None:
        found = _delay(known, node, sequence)
    if not found and not known.run.is_held and not known.tallies:
        found = [Reason("run", "nothing in the run has started")]
    iteration = None if container is None else known.iteration(container, sequence)
    if container is not None and iteration is not None and iteration.is_halted:
        found.append(Reason("container", f"{_halted(iteration, container.path)}, and nothing new starts in it"))
    return found + why_nothing_starts(known)


def unmet(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    """What the step requires, in its own iteration, and has not come."""
    found = list(_requirement(known, node, sequence))
    return _condition(known, node, sequence) if not found and node.step.when is not None else found


def _halted(iteration: IterationView, container: str) -> str:
    name = f"iteration {plain(iteration.sequence)} of {plain(container)}"
    return f"{name} was cancelled" if iteration.status is TaskStatus.cancelled else f"a failure ended {name}"


def _keys(sequence: str) -> int:
    return sequence.count(".") + 1


def _outside(known: Known, container: StepNode, sequence: str) -> list[Reason] | None:
    """What keeps the iteration around it from beginning; None where it has begun."""
    at, _, key = sequence.rpartition(".")
    name, task = known.named(container, at), known.instance(container.step.name, at)
    if task is None or not task.counts_in(known.run):
        reasons = why_not_reached(known, container, at)
        return [Reason("container", f"its container {name} has not been reached"), *about(name, reasons)]
    if known.iteration(container, sequence) is not None:
        return None
    if task.status is TaskStatus.ready:
        text = f"its container {name} has not started"
    elif task.status.is_over:
        missing = f"without iteration {key}" if task.status.is_done else f"before iteration {key} began"
        text = f"its container {name} ended ({task.status.value}) {missing}"
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
            said = f", but {standings}" if standings else ", which has not come"
            yield Reason("requirement", f"it requires {in_words(part)}{said}")


def _holds(known: Known, tree: Tree, sequence: str) -> bool:
    group = group_of(tree)
    if group is not None:
        return sum(_holds(known, part, sequence) for part in group.parts) >= group.needed
    if "members" in tree:
        return (tree["event"], _around(known.nodes[tree["members"]], sequence)) in known.facts
    if "rest" in tree:
        return _rest_came(known, tree, sequence)
    if "back" in tree:
        earlier = _earlier(known, tree, sequence)
        return earlier is None or _came(_named(known, tree, earlier), tree["status"])
    if "event" in tree:
        return _emitted(known, tree, sequence)
    return _came(_named(known, tree, sequence), tree["status"])


def _earlier(known: Known, leaf: Tree, sequence: str) -> str | None:
    """The sequence with the earlier iteration that a clause means; None where there is none, or not known which."""
    loop = known.nodes[leaf["loop"]]
    keys, place = sequence.split("."), loop.depth
    if loop.scope is None or place >= len(keys):
        return None
    number = known.reader.iteration_number(known.run, loop.scope, ".".join(keys[: place + 1]))
    if number is None or number <= leaf["back"]:
        return None
    keys[place] = known.instances.key_at(loop.step, ".".join(keys[:place]), number - leaf["back"])
    return ".".join(keys)


def _emitted(known: Known, leaf: Tree, sequence: str) -> bool:
    """Whether a step has emitted the event that a clause asks for."""
    node = known.nodes[leaf["step"]]
    name = node.step.events.get(leaf["event"])
    return (name, _enclosing(known, leaf, sequence)) in known.facts


def _named(known: Known, leaf: Tree, sequence: str) -> InstanceView | None:
    """The task that a clause means, as far as the present recovery has reached it."""
    task = known.instance(known.nodes[leaf["step"]].step.name, _enclosing(known, leaf, sequence))
    return None if task is None or task.recovery < known.run.counts_from else task


def _enclosing(known: Known, leaf: Tree, sequence: str) -> str:
    return _around(known.nodes[leaf["step"]], sequence)


def _around(node: StepNode, sequence: str) -> str:
    return ".".join(sequence.split(".")[: node.depth])


def _came(task: InstanceView | None, status: str) -> bool:
    if task is None:
        return False
    done, failed = task.status.is_done, task.status is TaskStatus.failure
    gone = task.status in (TaskStatus.cancelled, TaskStatus.omitted)
    moments = {
        "ready": True, "active": done or failed or task.status is TaskStatus.active, "success": done, "failure": failed,
        "complete": done or failed, "over": done or failed or gone,
    }  # fmt: skip
    return moments[status]


def _standings(known: Known, tree: Tree, sequence: str) -> Iterator[str]:
    group = group_of(tree)
    if group is not None:
        for part in group.parts:
            yield from _standings(known, part, sequence)
        return
    if "rest" in tree:
        yield from _rest(known, tree, sequence)
        return
    if "members" in tree:
        yield from _members(known, tree, sequence)
        return
    if "back" in tree:
        earlier = _earlier(known, tree, sequence)
        if earlier is None:
            return
        sequence = earlier
    name = known.named(known.nodes[tree["step"]], _enclosing(known, tree, sequence))
    task = _named(known, tree, sequence)
    if task is None:
        yield f"{name} has not been reached" + (" in this recovery" if known.run.recovery else "")
    else:
        without = " without emitting it" if "event" in tree and task.status.is_over else ""
        yield f"{name} {passed(task, known.run)}{without}"


def _members(known: Known, leaf: Tree, sequence: str) -> Iterator[str]:
    """How the iterations of a container stand, or the steps of one without a loop."""
    node = known.nodes[leaf["members"]]
    at = _around(node, sequence)
    loop = known.reader.loops(known.run, at).get(node.step.name)
    if loop is not None:
        open_now = "active" if known.run.verdict.is_open else "interrupted"
        counts = (
            (loop.over - loop.failed - loop.cancelled, "succeeded"), (loop.failed, "failed"),
            (loop.cancelled, "cancelled"), (loop.begun - loop.over, open_now), (loop.items - loop.begun, "not begun"),
        )  # fmt: skip
        told = ", ".join(f"{count} {word}" for count, word in counts if count)
        yield f"of its {loop.items} iterations: {told}" if told else f"{known.named(node, at)} has none"
        return
    inside = [] if node.step.loop is not None else [one for one in known.nodes.values() if one.parent == node.path]
    for one in inside:
        yield from _standings(known, {"step": one.path, "status": leaf["status"]}, f"{at}.1")
    if not inside:
        yield from _standings(known, {"step": node.path, "status": leaf["status"]}, sequence)


def _rest_came(known: Known, leaf: Tree, sequence: str) -> bool:
    """Whether everything else on the step's level has ended as a clause asks; what tells it is not stored itself."""
    if known.run.ended is None or _live_rest(known, leaf, sequence):
        return False
    steps = [known.nodes[path].step for path in leaf["of"]]
    keys = known.nodes[leaf["of"][0]].depth if leaf["of"] else 1
    tasks = [(step, known.instance(step.name, ".".join(sequence.split(".")[:keys]))) for step in steps]
    found = [(step, task) for step, task in tasks if task is not None and task.recovery >= known.run.counts_from]
    failed = any(task.status is TaskStatus.failure and not step.handled for step, task in found)
    cancelled = any(task.status is TaskStatus.cancelled and task.started is not None for _, task in found)
    return {"failure": failed and not cancelled, "success": not failed and not cancelled}.get(leaf["status"], True)


def _live_rest(known: Known, leaf: Tree, sequence: str) -> list[InstanceView]:
    """What is not over on the step's level."""
    names = {known.nodes[path].step.name for path in leaf["of"]}
    return [task for task in known.live if task.step in names and task.sequence == sequence]


def _rest(known: Known, leaf: Tree, sequence: str) -> Iterator[str]:
    """How everything else on the step's level stands."""
    live = _live_rest(known, leaf, sequence)
    for task in live:
        yield f"{known.shown(task)} {passed(task, known.run)}"
    if not live and leaf["status"] != "over":
        yield "there was none" if leaf["status"] == "failure" else "there was one, or it was cancelled"


def _condition(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    """What its condition has come to."""
    name = known.program.condition_of.get(node.step.path)
    task = None if name is None else known.instance(name, sequence)
    if task is None or not task.counts_in(known.run):
        return []
    said = plain(node.step.when or "")
    if task.status.is_done:
        return [Reason("condition", f"it runs only when {said}, which was false")]
    return [Reason("condition", f"whether {said} is being found out ({task.status.value})")]


def _delay(known: Known, node: StepNode, sequence: str) -> list[Reason]:
    for delay in known.delays:
        if (delay.kind, delay.target, delay.sequence) == ("step", node.step.name, sequence):
            return [Reason("delay", f"its delay of {node.step.delay:g} s {known.due(delay.due)}")]
    return []
