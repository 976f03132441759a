"""Sequences that are chosen for triggers, by the program and for users, while an engine takes up one after another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.sequences import Sequences
from eventcore.decide.turn import Turn
from eventcore.define.answer import FRESH
from eventcore.define.config import Config
from eventcore.define.program import Program
from tests.property.test_decisions import NoArchive
from tests.support import eventor


def test_a_trigger_for_a_user_moves_on_from_what_the_program_has_chosen_and_not_triggered_yet() -> None:
    program = Program("p")
    program.add_event("more")
    turn = Turn(Plan(program, Config()), History(), NoArchive(), {})
    assert turn.context.sequences.take("2", by_program=True)
    turn.asked(7, "trigger", {"event": "more", "sequence": "2", FRESH: True})
    turn.settle()
    changes = turn.taken_changes()
    assert changes.answers == [(7, None)]
    assert [(request, argument["sequence"]) for request, argument in changes.moved] == [(7, "3")]
    assert not turn.context.sequences.take("3", by_program=True)


def test_who_takes_a_sequence_first_has_it() -> None:
    sequences = Sequences()
    sequences.taken_by_users(["1"])
    assert not sequences.take("1", by_program=True)
    assert sequences.take("2", by_program=True)
    assert sequences.take("2", by_program=True)
    assert not sequences.take("2", by_program=False)


def test_threads_that_trigger_at_once_choose_different_sequences() -> None:
    program = eventor()
    program.add_event("more")
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: program.trigger_event("more"), range(400)))
    assert sorted(made, key=int) == [str(number) for number in range(1, 401)]
