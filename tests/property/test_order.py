"""Who goes first when places are scarce, with priorities, against the plainest reading of the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.ranking import ranks_of
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.config import Config, StepConfig
from eventcore.define.outcome import Outcome
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Program
from eventcore.define.status import TaskStatus
from tests.property.test_decisions import NoArchive, nothing


@dataclass(frozen=True)
class Wanted:
    """A step: its priority, what it acquires, whether it needs a worker, and its own limit."""

    priority: int
    units: Sequence[tuple[str, int]]
    works: bool
    most: int | None


@st.composite
def wishes(draw: st.DrawFn, limits: Mapping[str, int]) -> list[Wanted]:
    pools = st.lists(st.sampled_from(sorted(limits)), unique=True, max_size=3)
    return [
        Wanted(
            draw(st.integers(-2, 2)),
            [(pool, draw(st.integers(1, limits[pool]))) for pool in draw(pools)],
            draw(st.booleans()) or draw(st.booleans()),
            draw(st.sampled_from([None, None, 1])),
        )
        for _ in range(draw(st.integers(1, 7)))
    ]


class Watched:
    """A run whose steps become ready when a test says so; each turn is checked."""

    def __init__(self, steps: Sequence[Wanted], limits: Mapping[str, int], max_concurrent: int) -> None:
        program = Program("order")
        pools = {name: ResourcePool(name, limit) for name, limit in limits.items()}
        self.wanted = {f"s{number}": step for number, step in enumerate(steps)}
        self.limits = limits
        for name, step in self.wanted.items():
            go = program.add_event(f"go {name}")
            units = [(pools[pool], count) for pool, count in step.units]
            config = StepConfig(priority=step.priority, max_concurrent=step.most, retries=1)
            made = program.add_step(name, nothing if step.works else None, (), {}, {}, units, None, {}, config)
            program.add_assoc(go, (made,))
        plan = Plan(program, Config(max_concurrent=max_concurrent, stop_on_exception=False))
        self.turn = Turn(plan, History(), NoArchive(), {}, ranks_of(plan, {}))
        self.most = max_concurrent
        self.asked: list[Task] = []  #: those that waited for units when the last turn was over
        self.had: set[tuple[str, str]] = set()  #: those that had units then

    @property
    def live(self) -> list[Task]:
        return list(self.turn.context.state.live.values())

    @property
    def running(self) -> list[Task]:
        return sorted(self.turn.context.state.running.values(), key=lambda task: task.key)

    def place(self, task: Task) -> tuple[int, int]:
        """Where a ready task stands in every queue."""
        if self.turn.context.ranks is None:
            return 0, task.arrival
        rank, number = task.arrival
        assert rank == -self.wanted[task.step.name].priority
        return rank, number

    def settle(self) -> list[Task]:
        while self.turn.settle():
            pass
        started = self.turn.taken_changes().starts
        holders = [task for task in self.live if task.holds]
        for task in holders:
            if task.key not in self.had:
                self.check_not_overtaking(task)
        self.check_nobody_waits_in_vain()
        ready = [task for task in self.live if task.status is TaskStatus.ready and task.due is None]
        self.asked = [task for task in ready if not self.has_units(task)]
        self.had = {task.key for task in holders}
        return started

    def has_units(self, task: Task) -> bool:
        return task.holds or not task.step.acquires

    def pools_of(self, task: Task) -> set[str]:
        return {name for name, _ in self.wanted[task.step.name].units}

    def check_not_overtaking(self, task: Task) -> None:
        """Nobody gets units of a pool while somebody who goes before it has asked for that pool before this turn."""
        for other in self.asked:
            if other.status is TaskStatus.ready and not other.holds and other is not task:
                assert not (self.pools_of(other) & self.pools_of(task) and self.place(other) < self.place(task))

    def check_nobody_waits_in_vain(self) -> None:
        """Who waits for units lacks some, or somebody goes before it; who has them lacks a slot."""
        taken = dict.fromkeys(self.limits, 0)
        for task in self.live:
            for pool, count in self.wanted[task.step.name].units if task.holds else ():
                taken[pool] += count
        assert all(pool.taken == taken[name] for name, pool in self.turn.context.state.pools.items())
        assert all(taken[name] <= limit for name, limit in self.limits.items())
        ready = sorted((t for t in self.live if t.status is TaskStatus.ready and t.due is None), key=self.place)
        kept: set[str] = set()
        for task in ready:
            if self.has_units(task):
                assert self.wanted[task.step.name].works
                own = sum(other.step is task.step for other in self.running)
                assert len(self.running) >= self.most or own >= (self.wanted[task.step.name].most or 99)
                continue
            free = {pool: self.limits[pool] - taken[pool] for pool in self.pools_of(task)}
            for other in ready:
                for pool, count in self.wanted[other.step.name].units if other.holds else ():
                    if self.place(other) > self.place(task) and pool in free:
                        free[pool] += count
            lacking = any(free[pool] < count for pool, count in self.wanted[task.step.name].units)
            assert lacking or kept & self.pools_of(task), "could go on"
            kept |= self.pools_of(task)


@given(st.data())
def test_the_order_is_kept_in_all_queues_and_nobody_waits_for_ever(data: st.DataObject) -> None:
    limits = {name: data.draw(st.integers(1, 3), label=name) for name in ("p", "q", "r")}
    steps = data.draw(wishes(limits))
    run = Watched(steps, limits, data.draw(st.integers(1, 3), label="max_concurrent"))
    waiting = list(run.wanted)
    while waiting or run.live:
        actions = [f"go {name}" for name in waiting] + [f"end {t.step.name}" for t in run.running]
        actions += [f"cancel {t.step.name}" for t in run.live if t.status is TaskStatus.ready]
        assert waiting or run.running or run.turn.context.state.timers, "nothing can ever happen again"
        action, _, name = data.draw(st.sampled_from(actions or ["wait "])).partition(" ")
        if action == "go":
            waiting.remove(name)
            run.turn.trigger(f"go {name}", "1")
        elif action == "cancel":
            run.turn.asked(1, "cancel", {"path": name})
        elif action == "end":
            task = next(task for task in run.running if task.step.name == name)
            run.turn.ended(task, Outcome(data.draw(st.booleans(), label="ok")))
        run.turn.time_came(run.turn.context.now + 1)
        run.settle()
    assert all(pool.taken == 0 and not pool.waiting for pool in run.turn.context.state.pools.values())
    assert not run.turn.context.state.reserved


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 5)), min_size=1, max_size=12))
def test_with_one_slot_what_is_ready_goes_by_priority_and_then_by_turn(steps: list[tuple[int, int]]) -> None:
    """Each step becomes ready after so many others have started; the next is the best of those that are ready."""
    run = Watched([Wanted(priority, (), True, None) for priority, _ in steps], {}, 1)
    ready: list[tuple[int, int, str]] = []
    started: list[str] = []
    came = 0
    waiting = dict(enumerate(steps))
    while waiting or ready:
        due = [n for n, (_, after) in waiting.items() if after <= len(started)] or list(waiting)[: not ready]
        for n in due:
            run.turn.trigger(f"go s{n}", "1")
            came += 1
            ready.append((-waiting.pop(n)[0], came, f"s{n}"))
        best = min(ready)
        ready.remove(best)
        assert [task.step.name for task in run.settle()] == [best[2]]
        started.append(best[2])
        run.turn.ended(run.running[0], Outcome(True))
