"""Flows of growing sizes: what checking, running and recovering them cost in seconds of CPU.

A cost that stays the same for each step from one size to the next is linear; `tests/sequent/test_growth.py` asserts the
same in numbers of calls.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import sequent
from benchmarks.programs import fails_at_first
from benchmarks.steps import nothing

CONFIG = {"task_construct": "invoke", "durability": "normal", "logging_level": "CRITICAL"}


def dense(store: Path, steps: int) -> sequent.Sequent:
    """Each step requires five of those before it."""
    flow, chosen = sequent.Sequent("dense", store, config=CONFIG), random.Random(1)
    made: list[sequent.FlowStep] = []
    for number in range(steps):
        require = [(step, sequent.STEP_SUCCESS) for step in chosen.sample(made, min(5, number))]
        made.append(flow.add_step(f"s{number}", nothing, require=require))
    return flow


def sources_and_tail(store: Path, steps: int) -> sequent.Sequent:
    """Half of the steps side by side, and the rest in a row after them."""
    flow = sequent.Sequent("tail", store, config=CONFIG)
    before = [flow.add_step(f"s{number}", nothing) for number in range(steps // 2)]
    for number in range(steps // 2):
        before = [flow.add_step(f"t{number}", nothing, require=[(step, sequent.STEP_SUCCESS) for step in before])]
    return flow


def flat(store: Path, steps: int) -> sequent.Sequent:
    """Steps side by side, of which the last fails until it is recovered."""
    flow = sequent.Sequent("flat", store, config=CONFIG)
    for number in range(steps - 1):
        flow.add_step(f"s{number}", nothing)
    flow.add_step("last", fails_at_first)
    return flow


def checked(build: Callable[[Path, int], sequent.Sequent], store: Path, steps: int) -> float:
    """Seconds of CPU to check a flow."""
    return _spent(build(store, steps).check)


def ran(build: Callable[[Path, int], sequent.Sequent], store: Path, steps: int) -> float:
    """Seconds of CPU to run a flow."""
    return _spent(build(store, steps).run)


def recovered(store: Path, steps: int) -> float:
    """Seconds of CPU to recover a flat flow of which one step failed."""
    flow = flat(store, steps)
    flow.run()
    return _spent(lambda: flow.run(run_mode=sequent.RUN_RECOVER))


def rerun(store: Path, steps: int) -> float:
    """Seconds of CPU to run the last step of a row inside a container again, with what depends on it."""
    flow = sequent.Sequent("rerun", store, config=CONFIG)
    inside, last = flow.add_step("c"), None
    for number in range(steps):
        require = () if last is None else ((last, sequent.STEP_SUCCESS),)
        last = inside.add_step(f"s{number}", nothing, require=require)
    flow.run()
    return _spent(lambda: flow.rerun(f"c/s{steps - 1}", extent="downstream"))


def _spent(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began
