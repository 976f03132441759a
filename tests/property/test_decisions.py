"""The deciding layer by itself, without a store or workers: facts in any order, resources, waits between tries."""

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from eventcore.decide import verdict
from eventcore.decide.archive import Archive, ItemCount
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.retrying import wait_before
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.config import Backoff, Config, StepConfig
from eventcore.define.outcome import Outcome
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Program
from eventcore.define.scopes import Slice
from eventcore.define.status import StepStatus, TaskStatus, Verdict
from tests.model import strategies
from tests.model.kernel import enclosing, fulfilled
from tests.property.programs import expression


class NoArchive(Archive):
    """A run without a past."""

    def item_count(self, step: str, sequence: str) -> ItemCount | None:
        return None

    def item_slices(self, step: str, sequence: str, first: int) -> Iterator[Slice]:
        return iter(())

    def iteration_number(self, scope: str, sequence: str) -> int | None:
        return None

    def last_error(self, step: str, sequence: str) -> tuple[str | None, str | None]:
        return None, None

    def clean_iterations(self, scope: str, around: str) -> Iterator[int]:
        return iter(())

    def ended(self, scope: str, sequence: str) -> Iterator[tuple[str, TaskStatus]]:
        return iter(())

    def iteration(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        raise AssertionError("nothing was let go")


def turn_of(program: Program, **config: object) -> Turn:
    return Turn(Plan(program, Config(**config)), History(), NoArchive(), {})  # type: ignore[arg-type]


def nothing() -> None:
    """What the steps do here: nobody calls it."""


@given(st.data())
def test_an_expression_holds_exactly_where_evaluating_it_anew_says_so(data: st.DataObject) -> None:
    names = ["a", "b", "c"]
    tree = data.draw(strategies.expressions(names))
    sequences = st.sampled_from((*strategies.SEQUENCES, "1.2.1.1", "2.1"))
    facts = data.draw(st.lists(st.tuples(st.sampled_from(names), sequences), max_size=10, unique=True))
    program = Program("gates")
    events = {name: program.add_event(name) for name in names}
    program.add_event("x", expression(tree, events))
    turn = turn_of(program)
    for number, (event, sequence) in enumerate(facts, 1):
        turn.trigger(event, sequence)
        turn.settle()
        known = frozenset(facts[:number])
        found = {at for (_, at), one in turn.context.state.iterations.items() if "x" in one.facts}
        assert found == {at for _, at in known if fulfilled(tree, at, known)}
        assert not [at for name, at, _ in verdict.not_reached(turn.context) if at in found]
    holding = {at for (_, at), one in turn.context.state.iterations.items() if one.gates}
    assert {outer for _, outer in turn.context.state.gates_under} == {o for at in holding for o in enclosing(at)[1:]}


Wants = Sequence[Sequence[tuple[str, int]]]


@st.composite
def wants(draw: st.DrawFn, limits: dict[str, int]) -> Wants:
    """What each of some steps acquires."""
    pools = st.lists(st.sampled_from(sorted(limits)), unique=True, max_size=3)
    return [
        [(pool, draw(st.integers(1, limits[pool]))) for pool in draw(pools)] for _ in range(draw(st.integers(1, 7)))
    ]


@given(st.data())
def test_pools_are_taken_whole_in_turn_and_within_their_limits_and_come_back(data: st.DataObject) -> None:
    limits = {name: data.draw(st.integers(1, 3), label=name) for name in ("p", "q", "r")}
    wanted = data.draw(wants(limits))
    program = Program("pools")
    pools = {name: ResourcePool(name, limit) for name, limit in limits.items()}
    go = program.add_event("go")
    for number, amounts in enumerate(wanted):
        units = [(pools[name], count) for name, count in amounts]
        step = program.add_step(f"s{number}", nothing, (), {}, {}, units, None, {}, StepConfig())
        program.add_assoc(go, (step,))
    turn = turn_of(program, max_concurrent=data.draw(st.integers(0, 3), label="max_concurrent"))
    turn.trigger("go", "1")
    while True:
        turn.settle()
        turn.taken_changes()
        check_pools(turn, limits)
        if not turn.context.state.running:
            break
        queued = sorted(task.step.name for task in turn.context.state.live.values() if task.status is TaskStatus.ready)
        unwanted = data.draw(st.sampled_from([None, *queued]), label="cancel")
        if unwanted is not None:
            turn.asked(1, "cancel", {"path": unwanted})
            continue
        task = data.draw(st.sampled_from(sorted(turn.context.state.running.values(), key=lambda task: task.step.name)))
        turn.ended(task, Outcome(data.draw(st.booleans())))
        turn.context.state.stopped = False
    assert not turn.context.state.live
    assert all(pool.taken == 0 and not pool.waiting for pool in turn.context.state.pools.values())


def check_pools(turn: Turn, limits: dict[str, int]) -> None:
    live = turn.context.state.live.values()
    holders: list[Task] = [task for task in live if task.holds]
    for name, limit in limits.items():
        taken = sum(count for task in holders for pool, count in task.step.acquires if pool.name == name)
        assert taken <= limit
        assert name not in turn.context.state.pools or turn.context.state.pools[name].taken == taken
    waiting = sorted((t for t in live if t.step.acquires and not t.holds), key=lambda t: t.arrival)
    kept: set[str] = set()
    for task in waiting:
        needs = {pool.name: count for pool, count in task.step.acquires}
        free = {name: limits[name] - turn.context.state.pools[name].taken for name in needs}
        assert kept & needs.keys() or any(free[name] < count for name, count in needs.items()), "could go on"
        later = [other for other in holders if other.arrival > task.arrival]
        blocking = {pool.name for other in later for pool, _ in other.step.acquires} & needs.keys()
        assert not blocking, "was overtaken"
        kept |= needs.keys()


@given(st.lists(st.floats(0, 100), max_size=4), st.integers(1, 10))
def test_the_last_of_a_list_of_waits_serves_all_further_tries(waits: list[float], tries: int) -> None:
    assert wait_before(waits, tries, "s@1") == (waits[min(tries, len(waits)) - 1] if waits else 0.0)


@given(
    st.builds(Backoff, st.floats(0, 100), st.floats(0.5, 10), st.floats(0, 1000), st.floats(0, 1)),
    st.integers(1, 5000),
)
def test_exponential_waits_stay_between_their_bounds_and_are_the_same_each_time(delay: Backoff, tries: int) -> None:
    wait = wait_before(delay, tries, "s@1")
    bare = wait_before(Backoff(delay.first, delay.factor, delay.max, 0.0), tries, "s@1")
    assert bare <= wait <= bare * (1 + delay.jitter) and bare <= delay.max
    assert wait == wait_before(delay, tries, "s@1")


@given(st.integers(0, 4), st.integers(1, 6), st.floats(0.1, 50))
def test_a_task_is_tried_when_its_wait_is_over_and_not_before(retries: int, failures: int, delay: float) -> None:
    program = Program("tries")
    go = program.add_event("go")
    config = StepConfig(retries=retries, retry_delay=delay)
    step = program.add_step("s", nothing, (), {}, {}, (), None, {}, config)
    program.add_assoc(go, (step,))
    turn = turn_of(program)
    turn.trigger("go", "1")
    turn.settle()
    for number in range(1, min(failures, retries + 1) + 1):
        (task,) = turn.taken_changes().starts
        assert task.try_number == number
        turn.ended(task, Outcome(False, error="it failed"))
        turn.settle()
        if number <= retries:
            assert task.status is TaskStatus.ready and verdict.of(turn.context) is Verdict.pending
            turn.time_came(turn.context.now + delay * 0.99)
            turn.settle()
            assert not turn.taken_changes().starts
            turn.time_came(turn.context.now + delay * 0.02)
            turn.settle()
    if failures <= retries:
        (task,) = turn.taken_changes().starts
        turn.ended(task, Outcome(True))
        turn.settle()
    assert verdict.of(turn.context) is (Verdict.success if failures <= retries else Verdict.failure)
    assert StepStatus(task.status.value) is (StepStatus.success if failures <= retries else StepStatus.failure)
