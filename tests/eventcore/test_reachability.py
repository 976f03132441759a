"""What can be seen to be out of reach before a program runs."""

from __future__ import annotations

import eventcore as evr
from eventcore.define.reachability import warnings
from tests.support import eventor


def of(program: evr.Eventor) -> list[str]:
    built = program.built()
    return [text.partition(":")[0] for text in warnings(built.program, built.starts)]


def test_everything_that_a_start_leads_to_is_within_reach() -> None:
    program = eventor()
    go, done, failed, later = (program.add_event(name) for name in ("go", "done", "failed", "later"))
    either = program.add_event("either", evr.or_((done, failed), program.add_event("never")))
    first = program.add_step("first", print, triggers={evr.STEP_SUCCESS: (done,), evr.STEP_FAILURE: (failed,)})
    program.add_assoc(go, first, later)
    program.add_assoc(later, program.add_step("second", print), delay=5)
    program.add_assoc(either, program.add_step("third", print))
    program.trigger_event(go, 1)
    assert of(program) == ["event 'never'"]


def test_what_follows_from_what_nothing_brings_is_out_of_reach() -> None:
    program = eventor()
    go, never = program.add_event("go"), program.add_event("never")
    program.add_assoc(go, program.add_step("runs", print))
    chained = program.add_event("chained")
    program.add_assoc(program.add_event("both", (go, never)), chained)
    program.add_assoc(chained, program.add_step("cannot", print))
    program.trigger_event(go, 1)
    assert of(program) == ["event 'never'", "event 'both'", "step 'cannot'"]


def test_a_program_without_a_start_is_told_once() -> None:
    program = eventor()
    program.add_assoc(program.add_event("go"), program.add_step("waits", print))
    program.add_step("alone", print)
    first, second = of(program)
    assert first.startswith("nothing is triggered at the start")
    assert second == "step 'alone'"
