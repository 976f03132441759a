"""A program as data: what is stored with a run, so that status, pictures and reports need none of the user's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from eventcore.define.expression import as_data
from eventcore.define.program import DEFAULT_REPLAY, Program, Step
from eventcore.define.status import StepReplay, StepStatus

FORMAT = 1


def document_of(program: Program, outline: Any = None) -> str:
    """The program as JSON; `outline` is what a layer above shows of it, nested as its users wrote it.

    Arguments are left out: they may be large or secret, and a program called with others is the same program.
    """
    data = {
        "format": FORMAT,
        "name": program.name,
        "events": [
            {"name": e.name, "scope": e.scope, "expr": None if e.expr is None else as_data(e.expr, _name)}
            for e in program.events.values()
        ],
        "steps": [_step(step) for step in program.steps.values()],
        "associations": [
            {"event": a.event.name, "to": "step" if isinstance(a.target, Step) else "event", "target": a.target.name,
             "delay": a.delay}
            for a in program.associations.values()
        ],
        "pools": {name: pool.limit for name, pool in program.pools.items()},
        "outline": outline,
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _name(event: Any) -> Any:
    return event.name


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "path": step.path,
        "scope": step.placement.scope,
        "hidden": step.placement.hidden,
        "control": step.control is not None,
        "handled": step.handles_failure,
        "function": function_name(step.func),
        "triggers": {status.value: [event.name for event in events] for status, events in step.triggers.items()},
        "acquires": [[pool.name, count] for pool, count in step.acquires],
        "releases": [[pool.name, count] for pool, count in step.releases],
        "recovery": {k.value: v.value for k, v in step.replay.items() if DEFAULT_REPLAY[k] is not v},
        "config": _config_data(step),
    }


def _config_data(step: Step) -> Any:
    data = msgspec.to_builtins(msgspec.structs.replace(step.config, task_construct=None))
    construct = step.config.task_construct
    if construct is not None:
        data["task_construct"] = construct if isinstance(construct, str) else function_name(construct)
    return {key: value for key, value in data.items() if value is not None}


def function_name(function: Callable[..., Any] | None) -> str | None:
    """`module:qualname` of a function, as far as it has one."""
    if function is None:
        return None
    named: Any = getattr(function, "func", function)
    qualname = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{getattr(named, '__module__', '?')}:{qualname}"


def reruns_successes(program: Program) -> bool:
    """Whether some step asks for another run after it succeeded."""
    return any(step.replay[StepStatus.success] is StepReplay.rerun for step in program.steps.values())


@dataclass(frozen=True, slots=True)
class Differences:
    """How a program differs from the one that a run has stored, by the names users see."""

    added: tuple[str, ...]
    removed: Mapping[str, str]  #: path by the kernel's name
    changed: tuple[str, ...]  #: each with what changed in it

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = [("added", self.added), ("removed", tuple(self.removed.values())), ("changed", self.changed)]
        return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def differences(stored: str, present: str) -> Differences:
    """Compare two documents step by step."""
    old, new = json.loads(stored), json.loads(present)
    before, after = _visible(old), _visible(new)
    inputs_before, inputs_after = _inputs(old), _inputs(new)
    changed = []
    for name in before.keys() & after.keys():
        parts = [key for key in after[name] if before[name].get(key) != after[name][key]]
        if inputs_before.get(name) != inputs_after.get(name):
            parts.append("what it follows")
        if parts:
            changed.append(f"{after[name]['path']} ({', '.join(parts)})")
    return Differences(
        tuple(after[name]["path"] for name in after if name not in before),
        {name: before[name]["path"] for name in before if name not in after},
        tuple(sorted(changed)),
    )


def _visible(document: Mapping[str, Any]) -> dict[str, Any]:
    return {step["name"]: step for step in document["steps"] if not step["hidden"]}


def _inputs(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    exprs = {event["name"]: event["expr"] for event in document["events"]}
    found: dict[str, list[Any]] = {}
    for link in document["associations"]:
        if link["to"] == "step":
            found.setdefault(link["target"], []).append([link["event"], link["delay"], exprs.get(link["event"])])
    return found


def steps_of(document: str) -> Iterable[Mapping[str, Any]]:
    """The steps of a stored program."""
    return list(json.loads(document)["steps"])
