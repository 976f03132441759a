"""Carrying: what happened in an iteration of a loop is told to later ones whose steps require it.

The facts that later iterations ask for are kept as long as one may ask. Of an iteration that this engine did not walk,
because another one did or it ended clean in an earlier recovery, they are derived from how its tasks ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from eventcore.decide import loop_keys
from eventcore.decide.context import Context
from eventcore.decide.raised import RAISED_BY
from eventcore.decide.state import Iteration, Progress, Walked
from eventcore.define.event import Event
from eventcore.define.program import Step
from eventcore.define.scopes import Carried, Loop
from eventcore.define.status import TaskStatus


def carry(context: Context, event: Event, at: Iteration) -> None:
    """Tell the later iterations that are open of an event that they may require."""
    for container, one in context.plan.carried_from[event.name]:
        loop = _iteration_of(container, at)
        progress = _progress(context, loop)
        rest = at.sequence[len(loop.sequence) :]
        progress.walked.setdefault(loop.number, Walked(loop.sequence)).facts.add((event.name, rest))
        later = progress.walked.get(loop.number + one.back)
        into = one.into if event.name == one.came.name else one.never_into
        if later is not None and into is not None:
            found = context.state.iterations.get((event.scope, f"{later.sequence}{rest}"))
            if found is not None:
                context.agenda.append((into, found))


def begun(context: Context, at: Iteration) -> None:
    """Tell an iteration that begins what came in earlier ones."""
    if at.container is not None and at.container.step.loop is not None and at.container.step.loop.carried:
        _progress(context, at).walked.setdefault(at.number, Walked(at.sequence))
    for container, one in context.plan.carried_into.get(at.scope, ()):
        _tell(context, _iteration_of(container, at), one, at)


def take_up(context: Context) -> None:
    """Tell the iterations that another engine has left open what came in earlier ones."""
    if not context.plan.carried_into:
        return
    opened = sorted(context.state.iterations.values(), key=lambda one: one.sequence.count("."))
    for at in opened:
        if at.container is not None and at.container.step.loop is not None and at.container.step.loop.carried:
            walked = _progress(context, at).walked[at.number] = Walked(at.sequence)
            walked.is_known = False
    for at in opened:
        begun(context, at)


def over(context: Context, loop: Iteration) -> None:
    """An iteration is over: what has not come in it never will; forget what nobody can ask for any more."""
    assert loop.container is not None
    step, progress = loop.container.step, _progress(context, loop)
    progress.walked[loop.number].is_open = False
    assert step.loop is not None
    for one in step.loop.carried:
        if one.came.scope != loop.scope and (later := progress.walked.get(loop.number + one.back)) is not None:
            for at in _within(context, one.came.scope, later.sequence):
                _tell(context, _iteration_of(step, at), one, at)
    furthest = max(one.back for one in step.loop.carried)
    for number in {loop.number, *(loop.number - one.back for one in step.loop.carried), progress.begun - furthest}:
        if _is_forgettable(progress, number, step.loop):
            del progress.walked[number]


def _is_forgettable(progress: Progress, number: int, loop: Loop) -> bool:
    """Whether the iteration is over, and so are all that may ask something of it."""
    known = progress.walked.get(number)
    if known is None or known.is_open:
        return False
    asking = [number + one.back for one in loop.carried]
    return all(
        ask <= progress.begun and (ask not in progress.walked or not progress.walked[ask].is_open) for ask in asking
    )


def _tell(context: Context, loop: Iteration, one: Carried, at: Iteration) -> None:
    """Trigger in `at` what the earlier iteration has to say by now."""
    number = loop.number - one.back
    if number < 1:
        context.agenda.append((one.into, at))
        return
    progress, rest = _progress(context, loop), at.sequence[len(loop.sequence) :]
    assert loop.container is not None
    earlier = progress.walked.get(number)
    if earlier is None:
        key = loop_keys.key_at(context, loop.container, number)
        earlier = progress.walked[number] = Walked(f"{loop.container.sequence}.{key}", is_open=False)
        earlier.is_known = False
    never = "" if one.never is None else one.never.name
    if not earlier.facts & {(one.came.name, rest), (never, rest)} and _is_stored(context, earlier, at, rest):
        earlier.facts.update((name, rest) for name in _derived(context, at.scope, f"{earlier.sequence}{rest}"))
    if (one.came.name, rest) in earlier.facts:
        context.agenda.append((one.into, at))
    elif one.never_into is not None and (not earlier.is_open or (never, rest) in earlier.facts):
        context.agenda.append((one.never_into, at))


def _is_stored(context: Context, earlier: Walked, at: Iteration, rest: str) -> bool:
    """Whether the store has all of the instance in the earlier iteration, and this engine may not have seen it."""
    if earlier.is_known or not earlier.is_open:
        return not earlier.is_known
    place = at.scope, f"{earlier.sequence}{rest}"
    return bool(rest) and place not in context.state.iterations and context.archive.iteration_number(*place) is not None


def _derived(context: Context, scope: str, sequence: str) -> Iterator[str]:
    """The events that were triggered in an iteration that is over, by how its tasks ended."""
    ended = dict(context.archive.ended(scope, sequence))
    for step in context.plan.members.get(scope, ()):
        status = ended.get(step.name)
        if status is not None:
            for moment in RAISED_BY[status]:
                yield from (event.name for event in step.triggers.get(moment, ()))
        if status in (None, TaskStatus.cancelled, TaskStatus.omitted) and step.place.void is not None:
            followers = context.plan.followers.get(step.place.void.name, ())
            yield from (association.target.name for association in followers)


def _iteration_of(container: Step, at: Iteration) -> Iteration:
    """The container's iteration that `at` is, or is inside of."""
    found: Iteration | None = at
    while found is not None and (found.container is None or found.container.step is not container):
        found = None if found.container is None else found.container.at
    assert found is not None
    return found


def _progress(context: Context, loop: Iteration) -> Progress:
    assert loop.container is not None
    return context.state.progress[loop.container.key]


def _within(context: Context, scope: str, sequence: str) -> list[Iteration]:
    """The open iterations of a scope inside of a sequence."""
    found = context.state.iterations.values()
    return [one for one in found if one.scope == scope and one.sequence.startswith(f"{sequence}.")]
