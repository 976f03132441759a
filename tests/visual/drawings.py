"""Programs to draw."""

from __future__ import annotations

from pathlib import Path

import eventcore as evr
import sequent as seq

QUIET = {"task_construct": "invoke", "logging_level": "ERROR", "console": False, "stop_on_exception": False}
NASTY = ('a:b "c" \\n <d>', "end", "x]); click n1", "`md` **b**", "--> | {} %%", "naïve 漢")


def fail() -> None:
    raise RuntimeError("on purpose")


def nested(store: Path | str = ":memory:") -> seq.Sequent:
    """A loop, a resource, a delay, alternatives and a failure that is handled."""
    flow = seq.Sequent("nested", store, config=QUIET)
    pool = seq.ResourcePool("licences", 2)
    outer = flow.add_step("outer", loop=[1, 2], concurrent=2)
    a = outer.add_step("a", print, acquires=[(pool, 1)])
    outer.add_step("b", require=((a, seq.STEP_SUCCESS),))
    bad = flow.add_step("bad", fail, require=((outer, seq.STEP_SUCCESS),))
    flow.add_step("either", require=(seq.or_((bad, seq.STEP_SUCCESS), (outer, seq.STEP_FAILURE)),), delay=5)
    flow.add_step("mop", require=((bad, seq.STEP_FAILURE), (outer, seq.STEP_COMPLETE)))
    return flow


def raw() -> evr.Eventor:
    """A kernel program with an expression, a trigger and a delay."""
    ev = evr.Eventor("raw", ":memory:", config=QUIET)
    a, b = ev.add_event("a"), ev.add_event("b")
    both = ev.add_event("both", (a, b))
    first = ev.add_step("first", triggers={evr.STEP_SUCCESS: (b,)})
    ev.add_assoc(a, first, delay=2)
    ev.add_assoc(both, ev.add_step("last"))
    return ev


def looped() -> seq.Sequent:
    """The smallest flow with all that a loop is compiled to."""
    flow = seq.Sequent("looped", ":memory:", config=QUIET)
    flow.add_step("days", loop=["mon", "tue"]).add_step("load", print)
    return flow


def nasty() -> seq.Sequent:
    """Names with whatever means something in DOT, HTML, Mermaid and YAML."""
    flow = seq.Sequent('say "hi": #1 <b>', ":memory:", config=QUIET)
    before: seq.FlowStep | None = None
    for name in NASTY:
        before = flow.add_step(name, require=((before, seq.STEP_COMPLETE),) if before else ())
    flow.add_step("{box} <i>").add_step("in")
    return flow


def fan(count: int, store: Path | str = ":memory:", failing: tuple[int, ...] = ()) -> seq.Sequent:
    """One step, many that follow it, and one that follows them all."""
    flow = seq.Sequent("fan", store, config=QUIET)
    split = flow.add_step("split")
    parts = [
        flow.add_step(f"part{i:03}", fail if i in failing else None, require=((split, seq.STEP_SUCCESS),))
        for i in range(count)
    ]
    flow.add_step("join", require=tuple((part, seq.STEP_SUCCESS) for part in parts))
    return flow
