"""Shared pools against a model, with several runs whose turns are interleaved in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update

from eventcore.decide import verdict
from eventcore.decide.changes import UnitChanges
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.ranking import ranks_of
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.config import Config, StepConfig
from eventcore.define.outcome import Outcome
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Program
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import stored_program, written
from eventcore.record import lease
from eventcore.record.pools import declare
from eventcore.record.schema import pools, units
from eventcore.record.store import Store, opened
from eventcore.record.units import SharedUnits
from tests.model.shared_pools import Asked, Needs, can_have, taken
from tests.property.test_decisions import NoArchive, nothing

LIMITS = {"p": 2, "q": 3}
SCOPES: Any = {"p": "cluster", "q": "host"}

wants = st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(1, 2), min_size=1)
steps = st.lists(st.tuples(wants, st.booleans(), st.sampled_from([0, 0, 5])), min_size=1, max_size=3)


class Run:
    """One engine without workers: its steps run until they are ended."""

    def __init__(self, store: Store, number: int, wanted: list[tuple[Needs, bool, int]], most: int) -> None:
        self.number = 0
        shared = {name: ResourcePool(name, limit, scope=SCOPES[name]) for name, limit in LIMITS.items()}
        own, program = ResourcePool("own", 1), Program(f"program {number}")
        self.event = program.add_event("go")
        for at, (needs, wants_own, priority) in enumerate(wanted):
            taken = [(shared[name], count) for name, count in needs.items()] + [(own, 1)] * wants_own
            step = program.add_step(f"s{at}", nothing, (), {}, {}, taken, None, {}, StepConfig(priority=priority))
            program.add_assoc(self.event, (step,))
        self.holder = lease.this_engine()
        used = [pool for pool in program.pools.values() if pool.is_shared]
        known = declare(store.connection, program.name, used, self.holder.host)
        document = written(stored_program(program))
        self.row = store.create_run(f"r{number}", program.name, None, document, self.holder, 3600.0, 0.0)
        plan = Plan(program, Config(max_concurrent=most, stop_on_exception=False))
        self.turn = Turn(plan, History(), NoArchive(), {}, ranks_of(plan, {}))
        self.units = SharedUnits(store.connection, self.row, self.holder, known)
        self.granted: list[list[tuple[str, str]]] = []

    @property
    def running(self) -> list[Task]:
        return sorted(self.turn.context.state.running.values(), key=lambda task: task.key)

    @property
    def waits(self) -> bool:
        sharing = self.turn.context.state.sharing
        return sharing is not None and bool(sharing.claims)

    def goes_on(self) -> UnitChanges:
        """Decide, up to where the store is asked."""
        while self.turn.settle():
            pass
        changes = self.turn.taken_changes().units
        assert changes is not None
        return changes


class SharedRuns(RuleBasedStateMachine):
    """Several runs over one store."""

    def __init__(self) -> None:
        super().__init__()
        self.store = opened(":memory:", "normal")
        self.runs: list[Run] = []
        self.made = 0
        self.limits = dict(LIMITS)

    @initialize(wanted=steps)
    def first(self, wanted: list[tuple[Needs, bool, int]]) -> None:
        self.begin(wanted, -1)

    @rule(wanted=steps, most=st.sampled_from([-1, 1, 2]))
    def begin(self, wanted: list[tuple[Needs, bool, int]], most: int) -> None:
        self.made += 1
        run = Run(self.store, self.made, wanted, most)
        self.runs.append(run)
        self.more(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def reach_more(self, data: st.DataObject) -> None:
        self.more(data.draw(st.sampled_from(self.runs)))

    @precondition(lambda self: any(run.running for run in self.runs))
    @rule(data=st.data(), ok=st.booleans())
    def end_a_task(self, data: st.DataObject, ok: bool) -> None:
        run = data.draw(st.sampled_from([run for run in self.runs if run.running]))
        run.turn.ended(data.draw(st.sampled_from(run.running)), Outcome(ok))
        self.go_on(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def pause_or_resume(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        run.turn.asked(1, "resume" if run.turn.context.state.paused else "pause", {})
        self.go_on(run)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        ready = [task for task in run.turn.context.state.live.values() if task.status is TaskStatus.ready]
        if ready:
            task = data.draw(st.sampled_from(sorted(ready, key=lambda task: task.key)))
            run.turn.asked(2, "cancel", {"path": task.step.path, "sequence": task.sequence})
            self.go_on(run)

    @precondition(lambda self: len(self.runs) > 1)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        self.runs.remove(run)
        lease.disown(run.holder)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        self.go_on(data.draw(st.sampled_from(self.runs)))

    @rule(name=st.sampled_from(sorted(LIMITS)), limit=st.integers(0, 4))
    def set_limit(self, name: str, limit: int) -> None:
        changed = update(pools).where(pools.c.name == name).values(most=limit, set_by="me")
        if self.store.connection.execute(changed).rowcount:  # some program has declared it
            self.limits[name] = limit

    def more(self, run: Run) -> None:
        run.number += 1
        run.turn.trigger("go", str(run.number))
        self.go_on(run)

    def go_on(self, run: Run) -> None:
        """What the engine does: a turn, what the store says to it, and the next turn as long as it says something."""
        while True:
            changes = run.goes_on()
            if not changes and not run.waits:
                return
            before = self.held()
            granted, limits = run.units.exchange(changes, 0.0)
            self.check_grants(run, granted, before)
            if not run.turn.granted(granted, limits):
                return

    def rows(self) -> list[Any]:
        living = {run.row.id for run in self.runs}
        names = {row.id: row.name for row in self.store.connection.execute(select(pools))}
        found = self.store.connection.execute(select(units).order_by(units.c.asked, units.c.run)).all()
        return [(row, names[row.pool]) for row in found if row.run in living]

    def held(self) -> dict[tuple[int, str, str], dict[str, int]]:
        """What instances of living runs have, as the store says."""
        found: dict[tuple[int, str, str], dict[str, int]] = {}
        for row, pool in self.rows():
            if row.state == "held":
                found.setdefault((row.run, row.step, row.sequence), {})[pool] = row.amount
        return found

    def asked(self) -> list[Asked]:
        """The claims that others do not pass by, in order."""
        found: dict[tuple[int, str, str], dict[str, int]] = {}
        for row, pool in self.rows():
            if row.state == "waiting":
                found.setdefault((row.run, row.step, row.sequence), {})[pool] = row.amount
        return [Asked(run, (step, sequence), needs) for (run, step, sequence), needs in found.items()]

    def check_grants(self, run: Run, granted: list[tuple[str, str]], before: Any) -> None:
        """Nobody was overtaken, no limit is passed by a grant, and nothing was left that the run could have had."""
        now = self.held()
        mine = {(run.row.id, *key) for key in granted}
        assert now.keys() - before.keys() == mine
        for pool, limit in self.limits.items():
            if any(pool in now[key] for key in mine):
                assert taken(list(now.values()), pool) <= limit
        waiting = self.asked()
        for number, one in enumerate(waiting):
            if one.run == run.row.id:
                assert not can_have(waiting, number, list(now.values()), self.limits)

    @invariant()
    def what_runs_has_its_units_and_nothing_else_does(self) -> None:
        expected = {}
        for run in self.runs:
            for task in run.turn.context.state.live.values():
                needs = {pool.name: count for pool, count in task.step.acquires if pool.is_shared}
                if task.holds and needs:
                    expected[run.row.id, *task.key] = needs
        assert self.held() == expected

    @invariant()
    def who_waits_in_the_store_is_able_to_start(self) -> None:
        paused = {run.row.id for run in self.runs if run.turn.context.state.paused}
        assert not [one for one in self.asked() if one.run in paused]

    def teardown(self) -> None:
        """With the programs' limits again, everything comes to its end."""
        for name, limit in LIMITS.items():
            self.set_limit(name, limit)
        for run in self.runs:
            if run.turn.context.state.paused:
                run.turn.asked(3, "resume", {})
                self.go_on(run)
        for _ in range(10_000):
            for run in [*self.runs, *self.runs]:  # what one returns, an earlier one may have waited for
                self.go_on(run)
            busy = [run for run in self.runs if run.running]
            if not busy:
                break
            busy[0].turn.ended(busy[0].running[0], Outcome(True))
        for run in self.runs:
            assert not run.turn.context.state.live
            assert not run.waits
            assert verdict.of(run.turn.context) in (Verdict.success, Verdict.failure)
        assert self.held() == {} and self.asked() == []
        self.store.close()


TestSharedRuns = SharedRuns.TestCase
TestSharedRuns.settings = settings(max_examples=25, stateful_step_count=25)
