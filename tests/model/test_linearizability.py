"""The checker of histories knows which are possible."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.model.linearizability import NEVER, Lease, Operation, is_linearizable, leases


def history(*told: tuple[str, str, int, int, Any]) -> list[Operation]:
    """Operations, each as name, token, call, return and answer."""
    return [Operation(token, name, token, called, returned, answer) for name, token, called, returned, answer in told]


def is_possible(operations: list[Operation]) -> bool:
    return is_linearizable(operations, Lease(), leases(counts_turns=True))


def test_one_engine_after_another_is_possible() -> None:
    assert is_possible(
        history(
            ("take", "a", 0, 1, 1), ("turn", "a", 2, 3, "ok"), ("give up", "a", 4, 5, None), ("take", "b", 6, 7, 3),
            ("turn", "b", 8, 9, "ok"),
        )
    )  # fmt: skip


def test_a_turn_after_another_engine_took_over_is_impossible() -> None:
    before = (("take", "a", 0, 1, 1), ("take", "b", 2, 3, 2))
    assert not is_possible(history(*before, ("turn", "a", 4, 5, "ok")))
    assert is_possible(history(*before, ("turn", "a", 4, 5, "lost")))


def test_a_lost_turn_that_was_asked_again_may_have_been_written_before() -> None:
    took = history(("take", "a", 0, 1, 1), ("take", "b", 3, 4, 3), ("read", "", 7, 8, ["b", 1]))
    for again in (False, True):
        assert is_possible([*took, Operation("a", "turn", "a", 2, 6, "lost", again)]) == again


def test_a_turn_at_the_same_time_may_come_before_or_after() -> None:
    for answer in ("ok", "lost"):
        number = 3 if answer == "ok" else 2
        assert is_possible(history(("take", "a", 0, 1, 1), ("turn", "a", 2, 6, answer), ("take", "b", 3, 5, number)))


def test_a_lost_turn_of_an_engine_that_nobody_followed_is_impossible() -> None:
    assert not is_possible(history(("take", "a", 0, 1, 1), ("turn", "a", 2, 3, "lost")))


def test_what_a_killed_client_asked_may_have_taken_effect_later_or_never() -> None:
    killed = (("take", "a", 0, 1, 1), ("turn", "a", 2, NEVER, None))
    for written in (0, 1):
        assert is_possible(history(*killed, ("read", "", 3, 4, ["a", written])))
    assert is_possible(history(*killed, ("read", "", 3, 4, ["a", 0]), ("read", "", 5, 6, ["a", 1])))
    assert not is_possible(history(*killed, ("read", "", 3, 4, ["a", 1]), ("read", "", 5, 6, ["a", 0])))
    taken = ("take", "b", 3, 4, 2), ("read", "", 5, 6, ["b", 0]), ("read", "", 7, 8, ["b", 1])
    assert not is_possible(history(*killed, *taken))


def test_two_that_take_one_free_lease_are_told_apart_by_the_number() -> None:
    assert not is_possible(history(("take", "a", 0, 3, 1), ("take", "b", 1, 2, 1)))
    assert not is_possible(history(("take", "a", 0, 1, "refused")))


@given(st.data())
def test_every_history_that_an_object_made_is_possible(data: st.DataObject) -> None:
    step, lease, told, now = leases(counts_turns=True), Lease(), list[Operation](), 0
    for _ in range(data.draw(st.integers(1, 25))):
        name, token = data.draw(st.sampled_from(["take", "turn", "give up", "read"])), data.draw(st.sampled_from("abc"))
        now += 10
        answers: list[Any] = [None, "ok", "lost", "refused", lease.turn + 1, [lease.holder, lease.written]]
        fits = {"take": answers[3:5], "turn": answers[1:3], "give up": answers[:1], "read": answers[5:]}[name]
        early, late = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))
        asked = [Operation(token, name, token, now - early, now + late, answer) for answer in fits]
        operation = data.draw(st.sampled_from([one for one in asked if step(lease, one)]))
        (lease,) = step(lease, operation)
        told.append(operation)
    assert is_linearizable(told, Lease(), step)
