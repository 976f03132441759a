"""Who goes first when places are scarce: by priority, by the longest chain, and else in the order of becoming ready."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import eventcore as evr
import sequent as seq
from eventcore.errors import ConfigError
from eventcore.record.schema import tasks
from eventcore.record.store import opened
from sequent import STEP_SUCCESS
from tests.support import boom, eventor, flow, start


def named(program: seq.Sequent | seq.FlowStep, ran: list[str], name: str, **given: Any) -> seq.FlowStep:
    """A step that notes that it ran."""
    return program.add_step(name, lambda: ran.append(f"{seq.current().name}@{seq.current().sequence}"), **given)


def test_of_what_is_ready_the_highest_priority_goes_first_and_equals_in_turn() -> None:
    ran: list[str] = []
    program = flow()
    for name, priority in (("low", -1), ("none", None), ("high", 5), ("zero", 0), ("high too", 5)):
        named(program, ran, name, config={} if priority is None else {"priority": priority})
    assert program.run()
    assert ran == ["high@1", "high too@1", "none@1", "zero@1", "low@1"]


def test_a_priority_comes_before_what_was_ready_earlier() -> None:
    ran: list[str] = []
    program = flow()
    first = named(program, ran, "first")
    named(program, ran, "second")
    named(program, ran, "third")
    named(program, ran, "urgent", require=((first, STEP_SUCCESS),), config={"priority": 1})
    assert program.run()
    assert ran == ["first@1", "urgent@1", "second@1", "third@1"]


def test_a_priority_is_inherited_and_an_own_one_overrides_it() -> None:
    ran: list[str] = []
    program = flow()
    named(program, ran, "plain")
    box = program.add_step("box", loop=[1, 2], concurrent=2, config={"priority": 5})
    named(box, ran, "inside")
    named(box, ran, "last", config={"priority": -5})
    each = named(program, ran, "each", loop=[1, 2], concurrent=2, config={"priority": 3})
    assert each.config.priority == 3
    assert program.run()
    assert ran == [
        "box/inside@1.1", "box/inside@1.2", "each@1.1", "each@1.2", "plain@1", "box/last@1.1", "box/last@1.2",
    ]  # fmt: skip


def test_units_go_to_the_highest_priority_and_a_low_one_that_waits_for_a_slot_gives_them_back() -> None:
    pool = seq.ResourcePool("licence", 1)
    ran: list[str] = []
    program = flow()
    first = named(program, ran, "first")
    named(program, ran, "low", acquires=[(pool, 1)])
    named(program, ran, "high", acquires=[(pool, 1)], require=((first, STEP_SUCCESS),), config={"priority": 1})
    named(program, ran, "other")
    assert program.run()
    assert ran == ["first@1", "high@1", "low@1", "other@1"]


def test_steps_of_the_kernel_have_priorities() -> None:
    ran: list[str] = []
    ev = eventor()
    start(ev, *(ev.add_step(f"s{n}", ran.append, (f"s{n}",), config={"priority": n % 3}) for n in range(6)))
    assert ev.run()
    assert ran == ["s2", "s5", "s1", "s4", "s0", "s3"]


def test_a_retry_keeps_its_priority() -> None:
    ran: list[str] = []
    program = flow(stop_on_exception=False)

    def fails() -> None:
        ran.append("fails")
        boom()

    program.add_step("fails", fails, config={"priority": 1, "retries": 1})
    named(program, ran, "meanwhile")
    named(program, ran, "later")
    assert not program.run()
    assert ran == ["fails", "meanwhile@1", "fails", "later@1"]


def test_recovery_goes_by_priority_too(tmp_path: Path) -> None:
    ran: list[str] = []
    program = flow(tmp_path / "run.db")
    gate = program.add_step("gate", lambda: boom() if seq.current().recovery == 0 else None)
    for n in range(3):
        named(program, ran, f"s{n}", require=((gate, STEP_SUCCESS),), config={"priority": n})
    assert not program.run()
    assert program.run(run_mode=seq.RUN_RECOVER)
    assert ran == ["s2@1", "s1@1", "s0@1"]


@pytest.mark.parametrize("wrong", [1.5, "high", True])
def test_a_priority_is_a_whole_number(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"step 's', config: priority: expected a whole number"):
        flow().add_step("s", int, config={"priority": wrong})


# order


def two_chains(program: seq.Sequent, ran: list[str], **urgent: Any) -> seq.Sequent:
    """One short chain, one long one, and a last one of one step."""
    short = named(program, ran, "short")
    named(program, ran, "short end", require=((short, STEP_SUCCESS),))
    long = named(program, ran, "long")
    longer = named(program, ran, "longer", require=((long, STEP_SUCCESS),))
    named(program, ran, "longest", require=((longer, STEP_SUCCESS),))
    named(program, ran, "single", config=urgent)
    return program


def test_the_default_is_the_order_of_becoming_ready() -> None:
    ran: list[str] = []
    assert two_chains(flow(), ran).run()
    assert ran == ["short@1", "long@1", "single@1", "short end@1", "longer@1", "longest@1"]


def test_the_longest_chain_goes_first_by_steps_where_nothing_is_known() -> None:
    ran: list[str] = []
    assert two_chains(flow(order="longest"), ran).run()
    assert ran == ["long@1", "short@1", "longer@1", "single@1", "short end@1", "longest@1"]


def test_priority_goes_before_the_longest_chain() -> None:
    ran: list[str] = []
    assert two_chains(flow(order="longest"), ran, priority=1).run()
    assert ran[:2] == ["single@1", "long@1"]


def test_durations_of_earlier_runs_say_what_is_long(tmp_path: Path) -> None:
    store, ran = tmp_path / "run.db", list[str]()
    assert two_chains(flow(store), ran).run()
    took = {"short": 1, "short end": 9.5, "long": 2, "longer": 3, "longest": 4, "single": 20}
    for step, seconds in took.items():
        set_duration(store, step, seconds)
    ran.clear()
    assert two_chains(flow(store, order="longest"), ran).run()
    assert ran == ["single@1", "short@1", "short end@1", "long@1", "longer@1", "longest@1"]


def set_duration(store: Path, step: str, seconds: float) -> None:
    with closing(opened(str(store))) as found:
        found.connection.execute(update(tasks).where(tasks.c.step == step).values(ended=tasks.c.started + seconds))


@pytest.mark.parametrize(("loop", "order"), [(range(5), "xcxcxcxcx"), (lambda: range(5), "cccxxxxcx")])
def test_what_is_left_of_a_loop_counts_by_its_iterations(loop: Any, order: str) -> None:
    """Five rounds go before a chain of four steps, once they are known; of equals, what became ready first goes."""
    ran: list[str] = []
    program = flow(order="longest")
    before: seq.FlowStep | None = None
    for n in range(4):
        before = named(program, ran, f"c{n}", require=() if before is None else ((before, STEP_SUCCESS),))
    named(program.add_step("each", loop=loop), ran, "x")
    assert program.run()
    assert "".join("x" if "each" in name else "c" for name in ran) == order


def test_another_order_is_refused_and_the_choices_are_named() -> None:
    with pytest.raises(ConfigError, match=r"config: order: .*; use one of 'ready', 'longest'"):
        flow(order="shortest")


def test_the_order_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.yaml").write_text("SEQUENT: {order: '${JOB_ORDER}'}")
    monkeypatch.setenv("JOB_ORDER", "longest")
    assert seq.Sequent(config=str(tmp_path / "jobs.yaml")).config.order == "longest"


def test_the_kernel_has_the_order_too() -> None:
    ran: list[str] = []
    ev = eventor(order="longest")
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("after", ran.append, ("after",)))
    single = ev.add_step("single", ran.append, ("single",))
    start(ev, single, ev.add_step("before", ran.append, ("before",), triggers={evr.STEP_SUCCESS: done}))
    assert ev.run()
    assert ran == ["before", "single", "after"]
