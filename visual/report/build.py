"""`report`: a run as one HTML file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from eventcore.define.stored import StoredProgram
from eventcore.record.reading import Reader, reading
from eventcore.record.views import RunView
from eventcore.run.next_action import next_action
from visual.errors import PictureError
from visual.graph.dot import dot_text
from visual.graph.layout import Graph, graph_of
from visual.graph.render import rendered
from visual.outline import flat_outline_of
from visual.reading import standings, unreached
from visual.report.history import History, steps_data
from visual.report.markup import safe_svg
from visual.report.page import page
from visual.standing import Standing

MOST_DRAWN = 400  #: nodes and arrows of a graph; a larger one is shown as the tree of its steps


def report(store: str | Path, run_id: str | None = None) -> str:
    """A page about the run of a store, the one named by `run_id` or your latest: self-contained HTML.

    It has the graph, a timeline with the critical path, all instances with their tries, results, tracebacks and logs as
    far as their files are there. Raises `eventcore.errors.StoreError` for a store or a run that is not there.

        Path("run.html").write_text(visual.report("nightly.run.db"), encoding="utf-8")
    """
    with reading(str(store)) as reader:
        data, graph = report_data(reader, reader.run(run_id, now := time.time()), now)
    svg, data["no_graph"] = drawn(graph)
    return page(data, title_of(data), svg)


def report_data(reader: Reader, run: RunView, now: float) -> tuple[dict[str, Any], Graph]:
    """What a page about the run shows, ready for JSON, and its graph, which is still to be drawn."""
    program = reader.program(run)
    known = standings(reader, run)
    data = {
        "made": now,
        "run": _run_data(run, reader),
        "steps": _steps(program, known, unreached(run)),
        **History(reader, run, now).data(),
    }
    return data, graph_of(program, "", known, unreached(run))


def title_of(data: Mapping[str, Any]) -> str:
    """The title of the page that shows the data."""
    run = data["run"]
    return f"{run['program']}: {run['state']}, run {run['id']}"


def _steps(program: StoredProgram, known: Mapping[str, Standing], nothing: Standing) -> list[dict[str, Any]]:
    nodes = flat_outline_of(program)
    return [
        {**data, **msgspec.to_builtins(known.get(node.kernel_name, nothing))}
        for node, data in zip(nodes, steps_data(program), strict=True)
    ]


def _run_data(run: RunView, reader: Reader) -> dict[str, Any]:
    outstanding, next_due = reader.next_delay(run)
    action = next_action(run, reader.location)
    return {
        "id": run.run_id, "program": run.program, "state": run.state, "recovery": run.recovery,
        "counts_from": run.counts_from, "created": run.created, "started": run.started, "ended": run.ended,
        "held": run.is_held, "holder": run.holder, "todos": run.todos, "delays": outstanding, "next_due": next_due,
        "stalled": run.stalled, "not_reached": run.not_reached,
        "advice": None if action is None else action.lead,
        "verbs": [] if action is None else list(action.verbs),
        "commands": [] if action is None else list(action.commands),
    }  # fmt: skip


def drawn(graph: Graph) -> tuple[str | None, str | None]:
    """The picture as safe markup, or why there is none."""
    size = graph.root.size + len(graph.edges)
    if size > MOST_DRAWN:
        return None, f"The graph has {size} nodes and arrows, too many to read as a picture."
    try:
        return safe_svg(rendered(dot_text(graph), "svg"), graph), None
    except PictureError as error:
        return None, f"The graph could not be drawn: {error}."
