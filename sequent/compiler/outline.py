"""A flow as pictures and status show it: nested nodes, and who requires whom."""

from __future__ import annotations

from typing import Any

from eventcore.define.document import function_name
from eventcore.define.expression import as_data
from sequent.compiler.graph import FlowGraph
from sequent.language.loops import items_from_text
from sequent.language.references import ResultReference
from sequent.language.require import Clause
from sequent.language.step import FlowStep, StaticLoop


def outline_of(graph: FlowGraph) -> list[dict[str, Any]]:
    """The flow's steps as plain data, each with its children; see `visual.outline` for the shape."""
    return [_node(step, graph) for step in graph.root.children.values()]


def _node(step: FlowStep, graph: FlowGraph) -> dict[str, Any]:
    tree = graph.requirement(step)
    return {
        "name": step.name,
        "path": step.path,
        "function": function_name(step.func),
        "loop": _loop(step),
        "concurrent": step.concurrent,
        "delay": step.delay,
        "acquires": [[pool.name, count] for pool, count in step.acquires],
        "require": None if tree is None else as_data(tree, _clause),
        "children": [_node(child, graph) for child in step.children.values()],
    }


def _loop(step: FlowStep) -> str | None:
    """The loop in a few words."""
    if step.loop is None:
        return None
    if isinstance(step.loop, StaticLoop):
        count = len(items_from_text(step.loop.text).keys)
        return f"{count} item{'' if count == 1 else 's'}"
    if isinstance(step.loop, ResultReference):
        return f"result of {step.loop.step.path}"
    return f"{(function_name(step.loop) or '?').rpartition(':')[2]}()"


def _clause(leaf: Any) -> dict[str, str]:
    assert isinstance(leaf, Clause)
    assert isinstance(leaf.step, FlowStep)
    return {"step": leaf.step.path, "status": leaf.status.value}
