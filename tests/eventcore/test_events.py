"""Events: something that can be triggered, once at each sequence."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.act.executors.invoke import InvokeExecutor
from eventcore.act.observer import Notice, RunEntered
from eventcore.errors import ProgramError
from eventcore.run.runner import Runner
from tests.support import eventor, rows, start


def test_a_triggered_event_engages_its_associations() -> None:
    ran: list[str] = []
    ev = eventor()
    ready = ev.add_event("ready")
    ev.add_assoc(ready, ev.add_step("a", ran.append, ("a",)), ev.add_step("b", ran.append, ("b",)))
    ev.trigger_event(ready, 1)
    assert ev.run()
    assert ran == ["a", "b"]


def test_an_event_that_is_not_triggered_engages_nothing() -> None:
    ran: list[str] = []
    ev = eventor()
    ev.add_assoc(ev.add_event("never"), ev.add_step("a", ran.append, ("a",)))
    assert ev.run()
    assert ran == []


def test_triggering_again_at_the_same_sequence_does_nothing(tmp_path: Path) -> None:
    ran: list[str] = []
    store = tmp_path / "run.db"
    ev = eventor(store)
    ready = start(ev, ev.add_step("a", ran.append, ("a",)))
    ev.trigger_event(ready, 1)
    ev.trigger_event(ready, "1")
    assert ev.run()
    assert ran == ["a"]
    assert len(rows(store, "select * from {facts}")) == 1


def test_each_sequence_is_an_invocation_of_its_own() -> None:
    ran: list[str] = []
    ev = eventor()
    ready = ev.add_event("ready")
    ev.add_assoc(ready, ev.add_step("a", lambda: ran.append(evr.current().sequence)))
    for sequence in (3, "1.2", "b"):
        ev.trigger_event(ready, sequence)
    assert ev.run()
    assert ran == ["3", "1.2", "b"]


def test_every_consequence_inherits_its_causes_sequence() -> None:
    ran: list[str] = []
    ev = eventor()
    done = ev.add_event("done")
    both = ev.add_event("both", expr=done)
    first = ev.add_step("first", triggers={evr.STEP_SUCCESS: (done,)})
    ev.add_assoc(both, ev.add_step("last", lambda: ran.append(evr.current().sequence)))
    start(ev, first, sequence="7.2")
    assert ev.run()
    assert ran == ["7.2"]


def test_a_step_reached_by_several_events_at_one_sequence_runs_once(tmp_path: Path) -> None:
    ran: list[str] = []
    store = tmp_path / "run.db"
    ev = eventor(store)
    step = ev.add_step("a", ran.append, ("a",))
    for name in ("one", "two"):
        event = ev.add_event(name)
        ev.add_assoc(event, step)
        ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["a"]
    assert rows(store, "select step, sequence, recovery from {tasks}") == [("a", "1", 0)]


def test_without_a_sequence_an_event_takes_a_fresh_one() -> None:
    ran: list[str] = []
    ev = eventor()
    ready = ev.add_event("ready")
    ev.add_assoc(ready, ev.add_step("a", lambda: ran.append(evr.current().sequence)))
    taken = [ev.trigger_event(ready, 1), ev.trigger_event(ready), ev.trigger_event(ready)]
    assert len(set(taken)) == 3
    assert ev.run()
    assert ran == taken


def test_an_event_can_be_triggered_by_its_name() -> None:
    ran: list[str] = []
    ev = eventor()
    ev.add_assoc(ev.add_event("any text: 5 €"), ev.add_step("a", ran.append, ("a",)))
    ev.trigger_event("any text: 5 €", 1)
    assert ev.run()
    assert ran == ["a"]


@pytest.mark.parametrize(
    ("method", "words"),
    [(evr.Eventor.add_event, "self name expr"), (evr.Eventor.add_assoc, "self event assocs delay"),
     (evr.Eventor.trigger_event, "self event sequence"),
     (evr.Eventor.add_step, "self name func args kwargs triggers acquires releases recovery config")],
)  # fmt: skip
def test_arguments_stand_in_the_seeds_order(method: Any, words: str) -> None:
    assert " ".join(inspect.signature(method).parameters) == words


def test_the_constructor_and_run_take_what_the_seed_says() -> None:
    words = "name store run_mode recovery_run run_id shared_db logging_level config"
    taken = " ".join(inspect.signature(Runner.__init__).parameters)
    assert taken.startswith(f"self {words}")
    taken_by_run = list(inspect.signature(evr.Eventor.run).parameters)
    assert taken_by_run[1] == "max_loops"
    assert set(words.split()) - {"name"} <= set(taken_by_run)


def _event_twice(ev: evr.Eventor) -> Any:
    ev.add_event("ready")
    return ev.add_event("ready")


def _step_twice(ev: evr.Eventor) -> Any:
    ev.add_step("load")
    return ev.add_step("load")


def _two_pools_of_one_name(ev: evr.Eventor) -> Any:
    ev.add_step("a", acquires=[(evr.ResourcePool("cpu", 2), 1)])
    return ev.add_step("b", acquires=[(evr.ResourcePool("cpu", 2), 1)])


def _two_delays(ev: evr.Eventor) -> Any:
    event, step = ev.add_event("ready"), ev.add_step("load")
    ev.add_assoc(event, step, delay=1)
    return ev.add_assoc(event, step, delay=2)


def foreign() -> evr.Event:
    """An event that another program has."""
    return eventor().add_event("theirs")


POOL = evr.ResourcePool("cpu", 2)
OK = evr.STEP_SUCCESS

BAD = {
    "an event name that is taken": (_event_twice, ["'ready'", "choose another"]),
    "a step name that is taken": (_step_twice, ["'load'", "choose another"]),
    "an empty name": (lambda ev: ev.add_step(""), ["step name ''", "non-empty text"]),
    "a name that no store takes": (lambda ev: ev.add_step("a\udc80"), ["step name 'a\\udc80'", "lone surrogates"]),
    "a name that no environment takes": (lambda ev: ev.add_step("a\0b"), ["step name 'a\\x00b'", "NUL"]),
    "a name that is no text": (lambda ev: ev.add_event(5), ["event name 5", "non-empty text"]),
    "a function that is not callable": (lambda ev: ev.add_step("load", "rm"), ["'load'", "callable", "'rm'"]),
    "args as a text": (lambda ev: ev.add_step("load", print, "abc"), ["'load'", "('abc',)"]),
    "args as a number": (lambda ev: ev.add_step("load", print, 5), ["'load'", "tuple", "(5,)"]),
    "kwargs as a list": (lambda ev: ev.add_step("load", print, kwargs=[1]), ["'load'", "mapping", "[1]"]),
    "kwargs whose names are no text": (lambda ev: ev.add_step("load", print, kwargs={1: 2}), ["'load'", "{1: 2}"]),
    "triggers as a list": (lambda ev: ev.add_step("load", triggers=[OK]), ["'load'", "mapping from StepStatus"]),
    "triggers by text": (lambda ev: ev.add_step("load", triggers={"success": ()}), ["'load'", "StepStatus", "success"]),
    "a trigger that is no event": (lambda ev: ev.add_step("load", triggers={OK: ("x",)}),
                                   ["'load'", "trigger success", "add_event"]),
    "no event at all": (lambda ev: ev.add_step("load", triggers={OK: None}), ["'load'", "success", "tuple of events"]),
    "an event of another program as trigger": (lambda ev: ev.add_step("load", triggers={OK: foreign()}),
                                               ["'load'", "'theirs'", "add it to this one"]),
    "an event of another program in an expression": (lambda ev: ev.add_event("e", foreign()),
                                                     ["'theirs'", "add it to this one"]),
    "an event of another program associated": (lambda ev: ev.add_assoc(foreign(), ev.add_step("s")),
                                               ["'theirs'", "add it to this one"]),
    "an event of another program triggered": (lambda ev: (ev.add_event("theirs"), ev.trigger_event(foreign(), 1)),
                                              ["'theirs'", "add it to this one"]),
    "an unknown event triggered": (lambda ev: ev.trigger_event("reday", 1), ["'reday'", "add_event"]),
    "an association from a step": (lambda ev: ev.add_assoc(ev.add_step("s"), ev.add_step("t")),
                                   ["Step('s')", "add_event"]),
    "an association to a name": (lambda ev: ev.add_assoc(ev.add_event("e"), "s"), ["'e'", "'s'", "is not an event"]),
    "a step of another program": (lambda ev: ev.add_assoc(ev.add_event("e"), eventor().add_step("s")),
                                  ["'e'", "Step('s')", "of this program"]),
    "a negative delay": (lambda ev: ev.add_assoc(ev.add_event("e"), ev.add_step("s"), delay=-1),
                         ["'e'", "seconds", "-1"]),
    "a delay that is no number": (lambda ev: ev.add_assoc(ev.add_event("e"), ev.add_step("s"), delay="5"),
                                  ["'e'", "seconds", "'5'"]),
    "two delays for one association": (_two_delays, ["'ready' with 'load'", "delay 1", "give one delay"]),
    "a recovery that is no mapping": (lambda ev: ev.add_step("s", recovery=[OK]), ["'s'", "StepReplay"]),
    "a recovery by text": (lambda ev: ev.add_step("s", recovery={OK: "skip"}), ["'s'", "StepReplay", "'skip'"]),
    "a recovery of a status that recovery makes": (
        lambda ev: ev.add_step("s", recovery={evr.TaskStatus.skipped: evr.STEP_RERUN}), ["'s'", "'skipped'", "ready,"]
    ),
    "a pool instead of a list": (lambda ev: ev.add_step("s", acquires=POOL), ["'s' acquires".replace(" acq", ": acq"),
                                                                             "pairs"]),
    "a pair instead of a list": (lambda ev: ev.add_step("s", acquires=(POOL, 1)), ["'s'", "acquires", "pairs"]),
    "a count of none": (lambda ev: ev.add_step("s", acquires=[(POOL, 0)]), ["'s'", "acquires", ">= 1"]),
    "a pool's name": (lambda ev: ev.add_step("s", releases=[("cpu", 1)]), ["'s'", "releases", "ResourcePool"]),
    "more than the pool has": (lambda ev: ev.add_step("s", acquires=[(POOL, 3)]),
                               ["'s'", "3 of pool 'cpu'", "only 2", "raise the pool's limit"]),
    "more than the pool has, in parts": (lambda ev: ev.add_step("s", acquires=[(POOL, 1), (POOL, 2)]),
                                         ["'s'", "3 of pool 'cpu'", "ask for less"]),
    "two pools of one name": (_two_pools_of_one_name, ["'b'", "'cpu'", "use the same ResourcePool object"]),
    "a pool without name": (lambda ev: evr.ResourcePool("", 1), ["pool name ''", "non-empty"]),
    "a pool whose name cannot be stored": (lambda ev: evr.ResourcePool("\ud800", 1), ["pool name", "surrogates"]),
    "a limit that is no number": (lambda ev: evr.ResourcePool("cpu", "2"),  # type: ignore[arg-type]
                                  ["'cpu'", "whole number", "'2'"]),
    "a policy that is no mapping": (lambda ev: evr.ResourcePool("cpu", policy=2),  # type: ignore[arg-type]
                                    ["'cpu'", "resource_limit"]),
    "timeout in the engine": (lambda ev: ev.add_step("s", print, config={"timeout": 1}),
                              ["'s'", "'invoke' cannot have a timeout", "'process'"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_run_is_refused_where_it_is_written(case: str) -> None:
    write, words = BAD[case]
    with pytest.raises(ProgramError) as refused:
        write(eventor())
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("moment", ["before the run is entered", "before there is an engine"])
def test_an_event_that_is_triggered_while_the_run_begins_is_not_lost(moment: str) -> None:
    ran: list[str] = []

    def triggers() -> None:
        ev.trigger_event("more", 2)

    class Early(InvokeExecutor):
        def prepare(self, function: Callable[..., object]) -> None:
            if moment == "before the run is entered":
                triggers()

    class Entered(evr.Observer):
        kinds = (RunEntered,)

        def notify(self, notice: Notice) -> None:
            if moment == "before there is an engine":
                triggers()

    ev = eventor(task_construct=Early)
    ev.add_observer(Entered())
    ev.add_assoc(ev.add_event("more"), ev.add_step("extra", ran.append, ("extra",)))
    start(ev, ev.add_step("first", ran.append, ("first",)))
    assert ev.run()
    assert sorted(ran) == ["extra", "first"]
