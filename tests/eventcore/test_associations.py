"""Associations: from an event to events and steps, at the same sequence."""

import eventcore as evr
from tests.support import eventor, start


def test_an_association_leads_from_an_event_to_events_and_steps() -> None:
    ran: list[str] = []
    ev = eventor()
    first, second = ev.add_event("first"), ev.add_event("second")
    ev.add_assoc(first, ev.add_step("a", ran.append, ("a",)), second)
    ev.add_assoc(second, ev.add_step("b", ran.append, ("b",)))
    ev.trigger_event(first, 1)
    assert ev.run()
    assert ran == ["a", "b"]


def test_the_same_association_written_twice_is_one() -> None:
    ran: list[str] = []
    ev = eventor()
    event, step = ev.add_event("e"), ev.add_step("a", ran.append, ("a",))
    ev.add_assoc(event, step)
    ev.add_assoc(event, step)
    ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["a"]


def test_events_that_lead_to_each_other_end() -> None:
    ran: list[str] = []
    ev = eventor()
    tick, tock = ev.add_event("tick"), ev.add_event("tock")
    ev.add_assoc(tick, tock, ev.add_step("a", ran.append, ("a",)))
    ev.add_assoc(tock, tick)
    ev.trigger_event(tick, 1)
    assert ev.run()
    assert ran == ["a"]


def test_an_association_written_after_the_trigger_counts() -> None:
    ran: list[str] = []
    ev = eventor()
    event = start(ev, ev.add_step("a", ran.append, ("a",)))
    ev.add_assoc(event, ev.add_step("b", ran.append, ("b",)))
    assert ev.run()
    assert ran == ["a", "b"]


def test_what_is_associated_between_two_runs_of_one_object_is_known_to_the_second() -> None:
    ran: list[str] = []
    ev = eventor()
    event = start(ev, ev.add_step("a", ran.append, ("a",)))
    assert ev.run()
    ev.add_assoc(event, ev.add_step("b", ran.append, ("b",)))
    assert ev.run(run_mode=evr.RunMode.recover)
    assert ran == ["a", "b"]
