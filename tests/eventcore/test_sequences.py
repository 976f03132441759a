"""Sequences: dot-separated keys that tell the instances of one step apart."""

from typing import Any

import pytest

from eventcore.define.sequence import as_sequence, enclosing, natural
from eventcore.errors import ProgramError
from tests.support import eventor


@pytest.mark.parametrize(("written", "means"), [(3, "3"), ("3", "3"), ("1.2.1", "1.2.1"), ("a.b-c d", "a.b-c d")])
def test_a_sequence_is_keys_between_dots_and_ints_are_accepted(written: object, means: str) -> None:
    assert as_sequence(written) == means


@pytest.mark.parametrize("written", ["", ".", "1.", ".1", "1..2", "a\0", "a\udc80", 1.5, True, b"1", (1, 2), [1]])
def test_a_bad_sequence_is_refused_and_a_good_one_shown(written: Any) -> None:
    ev = eventor()
    event = ev.add_event("e")
    with pytest.raises(ProgramError) as refused:
        ev.trigger_event(event, written)
    assert repr(written) in str(refused.value)
    assert "'1.2'" in str(refused.value)


def test_a_sequence_is_enclosed_by_those_it_goes_on_from_nearest_first() -> None:
    assert enclosing("1.2.1") == ["1.2", "1"]
    assert enclosing("1") == []


def test_sequences_sort_as_people_count() -> None:
    assert sorted(["1.10", "1.9", "b", "1", "10", "2"], key=natural) == ["1", "1.9", "1.10", "2", "10", "b"]
