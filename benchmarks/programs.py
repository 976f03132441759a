"""The programs that are measured; each returns the seconds that `run` took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import eventcore
import sequent
from benchmarks.steps import nothing, stamp, write_handovers

QUIET: dict[str, Any] = {"logging_level": "WARNING"}


def timed(program: Any, **options: Any) -> float:
    """Seconds of one `run`, which must succeed."""
    began = time.perf_counter()
    ok = program.run(**options)
    took = time.perf_counter() - began
    if not ok:
        raise SystemExit(f"{program.name} did not succeed")
    return took


def chain(store: Path | str, count: int, construct: str, durability: str = "normal") -> float:
    """A raw chain of `count` steps that do nothing."""
    config = {"task_construct": construct, "durability": durability, **QUIET}
    flow = eventcore.Eventor("chain", store, config=config)
    events = [flow.add_event(f"e{number}") for number in range(count + 1)]
    for number in range(count):
        triggers = {eventcore.STEP_SUCCESS: (events[number + 1],)}
        flow.add_assoc(events[number], flow.add_step(f"s{number}", nothing, triggers=triggers))
    flow.trigger_event(events[0], 1)
    return timed(flow)


def handovers(store: Path, count: int) -> list[float]:
    """Seconds from the end of a step's function in a worker to the start of its successor's, in a chain of `count`."""
    told = store.with_suffix(".handovers")
    config = {"task_construct": "process", "durability": "normal", **QUIET}
    flow = eventcore.Eventor("handovers", store, config=config)
    events = [flow.add_event(f"e{number}") for number in range(count + 1)]
    for number in range(count):
        triggers = {eventcore.STEP_SUCCESS: (events[number + 1],)}
        flow.add_assoc(events[number], flow.add_step(f"s{number}", stamp, triggers=triggers))
    flow.add_assoc(events[count], flow.add_step("last", write_handovers, (str(told),)))
    flow.trigger_event(events[0], 1)
    timed(flow)
    return [int(word) / 1e9 for word in told.read_text(encoding="ascii").split()]


def flow_chain(store: Path, count: int) -> float:
    """The same chain as `chain` makes, written as a flow; building and checking it count."""
    config = {"task_construct": "invoke", "durability": "normal", **QUIET}
    began = time.perf_counter()
    flow = sequent.Sequent("chain", store, config=config)
    last: sequent.FlowStep | None = None
    for number in range(count):
        last = flow.add_step(f"s{number}", nothing, require=() if last is None else ((last, sequent.STEP_SUCCESS),))
    timed(flow)
    return time.perf_counter() - began


def kernel_chain(store: Path, count: int) -> float:
    """What `flow_chain` measures, for the chain written for the kernel."""
    began = time.perf_counter()
    chain(store, count, "invoke")
    return time.perf_counter() - began


def body_loop(store: Path, iterations: int, items: Mapping[str, int] | None = None) -> float:
    """A step with a loop of its own, run in the engine: one iteration, one step, one commit."""
    config = {"task_construct": "invoke", "durability": "normal", **QUIET}
    flow = sequent.Sequent("loop", store, config=config)
    flow.add_step("each", nothing, loop=range(iterations) if items is None else items)
    return timed(flow)


def fan_out(store: Path, count: int, construct: str, at_once: int = 2, durability: str = "normal") -> float:
    """`count` steps that one event starts."""
    config = {"task_construct": construct, "max_concurrent": at_once, "durability": durability, **QUIET}
    flow = eventcore.Eventor("fan-out", store, config=config)
    go = flow.add_event("go")
    flow.add_assoc(go, *(flow.add_step(f"s{number}", nothing) for number in range(count)))
    flow.trigger_event(go, 1)
    return timed(flow)


def loop_flow(store: Path, iterations: int, last: Any = nothing) -> sequent.Sequent:
    """A container that walks `iterations` items with two steps in each, and one step after it."""
    config = {"task_construct": "invoke", "durability": "normal", **QUIET}
    flow = sequent.Sequent("loop", store, config=config)
    each = flow.add_step("each", loop=range(iterations))
    first = each.add_step("first", nothing)
    each.add_step("second", nothing, require=((first, sequent.STEP_SUCCESS),))
    flow.add_step("after", last, require=((each, sequent.STEP_SUCCESS),))
    return flow


def fails_at_first() -> None:
    """A step that fails until it is recovered."""
    if eventcore.current().recovery == 0:
        raise RuntimeError("on purpose")
