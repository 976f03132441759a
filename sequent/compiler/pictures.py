"""What pictures and explanations show of a step as it was written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace

from eventcore.define.expression import as_data
from eventcore.define.program import Picture
from eventcore.define.reference import Reference
from eventcore.define.stored import function_name
from sequent.compiler.events import Events, clause_of
from sequent.compiler.graph import FlowGraph, level_of, loop_of
from sequent.language.loops import StaticLoop
from sequent.language.open_loops import Stream, Until, name_of
from sequent.language.references import ItemReference
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause, StepEvent
from sequent.language.stand_in import FlowReference, parts_of, source_of
from sequent.language.step import FlowStep, step_of


def picture_of(step: FlowStep, graph: FlowGraph, events: Events) -> Picture:
    """What pictures show of the step as it was written."""
    picture = _loop_picture(step, graph, events)
    if not step.around:
        return picture
    return replace(picture, **{what: _short_name(call.func) for what, call in step.around.items()})


def _loop_picture(step: FlowStep, graph: FlowGraph, events: Events) -> Picture:
    tree = graph.requirement(step)
    require = None if tree is None else as_data(tree, partial(_clause_data, events))
    when = None if step.when is None else _shown(step.when)
    if step.loop is None:
        return Picture(concurrent=step.concurrent, delay=step.delay, require=require, when=when)
    if isinstance(step.loop, StaticLoop):
        return Picture("items", step.loop.items.size, None, step.concurrent, step.delay, require, when)
    if isinstance(step.loop, FlowReference):
        source = source_of(step.loop)
        kind: Literal["result", "item"] = "item" if isinstance(source, ItemReference) else "result"
        shown = repr(source).removesuffix(f".{kind}") + parts_of(step.loop)
        return Picture(kind, None, shown, step.concurrent, step.delay, require, when)
    if isinstance(step.loop, Until):
        condition = name_of(step.loop.condition)
        said = condition if isinstance(step.loop.condition, Reference) else f"{condition}()"
        return Picture("until", None, said, step.concurrent, step.delay, require, when, step.loop.limit)
    if isinstance(step.loop, Stream):
        return Picture("stream", None, _short_name(step.loop.function), step.concurrent, step.delay, require, when)
    return Picture("function", None, _short_name(step.loop), step.concurrent, step.delay, require, when)


def _clause_data(events: Events, leaf: Any) -> dict[str, Any]:
    """A clause as pictures and explanations read it: see `eventcore.define.tree`."""
    clause, status = clause_of(leaf), leaf.status.value
    if type(clause) is Clause:
        return {"step": step_of(clause).path, "status": status}
    if isinstance(clause, LevelClause):
        return {"rest": level_of(clause).path, "status": status, "of": [step.path for step in clause.body]}
    if isinstance(clause, MembersClause):
        event = events.members_event(clause)
        return {"members": step_of(clause).path, "status": status, "least": clause.least, "event": event.name}
    if isinstance(clause, PreviousClause):
        back = clause.previous.back
        return {"step": step_of(clause).path, "status": status, "back": back, "loop": loop_of(clause).path}
    assert isinstance(clause, StepEvent)
    return {"step": step_of(clause).path, "status": status, "event": clause.name}


def _short_name(function: Any) -> str:
    return (function_name(function) or "?").rpartition(":")[2]


def _shown(when: Reference | Callable[[], object]) -> str:
    """A condition as users read it."""
    return repr(when) if isinstance(when, Reference) else f"{(function_name(when) or '?').rpartition(':')[2]}()"
