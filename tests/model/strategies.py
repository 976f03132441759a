"""Hypothesis strategies for programs, flows and outcomes; they shrink to few plain steps that all succeed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from eventcore.define.status import StepReplay, StepStatus
from tests.model.kernel import AllOf, Amounts, AnyOf, AssocSpec, EventSpec, Outcome, ProgramSpec, StepSpec, Tree
from tests.model.tree import Clause, Instance, NodeSpec, Path, TreeSpec, executions

SEQUENCES = ("1", "2", "1.1", "1.10", "1.2", "1.2.1")
"""Enclosing ones and strangers; `1.1` encloses not `1.10`."""
TERMINAL = (StepStatus.success, StepStatus.failure, StepStatus.complete)


@dataclass(frozen=True)
class FailingCalls:
    """Outcomes of a kernel program: the calls (step, sequence, n-th call ever) that fail."""

    calls: frozenset[tuple[str, str, int]] = frozenset()

    def __call__(self, step: str, sequence: str, call: int) -> Outcome:
        return "failure" if (step, sequence, call) in self.calls else "success"


@dataclass(frozen=True)
class FailingLeaves:
    """Outcomes of a flow: what fails, and what finds nothing to do; a condition then says no."""

    instances: frozenset[Instance] = frozenset()
    denied: frozenset[Instance] = frozenset()

    def __call__(self, path: Path, sequence: str) -> Outcome:
        if (path, sequence) in self.denied:
            return "omitted"
        return "failure" if (path, sequence) in self.instances else "success"


def expressions(names: Sequence[str]) -> st.SearchStrategy[Tree[str]]:
    """Trees over the names, mixed to some depth."""

    def combined(inner: st.SearchStrategy[Tree[str]]) -> st.SearchStrategy[Tree[str]]:
        several = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return several.map(AllOf) | several.map(AnyOf)

    leaf: st.SearchStrategy[Tree[str]] = st.sampled_from(names)
    return st.recursive(leaf, combined, max_leaves=4)


@st.composite
def steps(draw: st.DrawFn, name: str, events: Sequence[str], pools: Amounts, ordered: bool) -> StepSpec:
    """One step. In order, no retries, and a leaking step wants one unit of one pool: the rest is not determined."""
    some_events = st.lists(st.sampled_from(events), max_size=2, unique=True).map(tuple)
    moments = draw(st.lists(st.sampled_from((*TERMINAL, StepStatus.ready, StepStatus.active)), max_size=3, unique=True))
    policies = st.lists(
        st.tuples(
            st.sampled_from((StepStatus.success, StepStatus.failure, StepStatus.ready)), st.sampled_from(StepReplay)
        ),
        max_size=2,
        unique_by=lambda policy: policy[0],
    )
    has_function = draw(st.sampled_from((True, True, True, False)))
    acquires: Amounts = ()
    if pools and has_function:
        wanted = draw(st.lists(st.sampled_from(pools), max_size=1 if ordered else 2, unique=True))
        acquires = tuple((pool, 1 if ordered else draw(st.integers(1, limit))) for pool, limit in wanted)
    return StepSpec(
        name,
        triggers=tuple((moment, draw(some_events)) for moment in moments),
        recovery=tuple(draw(policies)),
        stop_on_exception=draw(st.sampled_from((None, None, False, True))),
        retries=0 if ordered or not has_function else draw(st.sampled_from((0, 0, 1, 2))),
        acquires=acquires,
        releases=() if ordered and acquires and draw(st.booleans()) else None,
        max_concurrent=draw(st.sampled_from((0, 1))),
        function=has_function,
    )


@st.composite
def programs(draw: st.DrawFn, *, stop: bool = False, ordered: bool = False, delays: bool = False) -> ProgramSpec:
    """A kernel program.

    stop: failures may stop it (else every step says that they do not); ordered: fit for `run_in_order`, pools may
    leak; delays: some associations wait some milliseconds. Do not recover a stopped program with delays: what
    recovery makes of a delay that is still pending is for its own tests.
    """
    event_names = [f"e{number}" for number in range(draw(st.integers(1, 7)))]
    events = [EventSpec(event_names[0])]
    for earlier, name in enumerate(event_names[1:], 1):
        events.append(EventSpec(name, draw(st.none() | expressions(event_names[:earlier]))))
    pools = tuple((name, draw(st.integers(1, 3))) for name in draw(st.sampled_from(((), (), ("p0",), ("p0", "p1")))))
    specs = [draw(steps(f"s{number}", event_names, pools, ordered)) for number in range(draw(st.integers(1, 6)))]
    if not stop:
        specs = [replace(step, stop_on_exception=None) for step in specs]
    wait = st.sampled_from((0.0, 0.0, 0.005, 0.02)) if delays and not ordered else st.just(0.0)
    some_event = st.sampled_from(event_names)
    wiring = [AssocSpec(draw(some_event), (step.name,), draw(wait)) for step in specs]
    targets = st.lists(st.sampled_from([*event_names, *(step.name for step in specs)]), min_size=1, max_size=2).map(
        tuple
    )
    wiring += draw(st.lists(st.builds(AssocSpec, some_event, targets, wait), max_size=4))
    starts = draw(st.lists(st.tuples(some_event, st.sampled_from(SEQUENCES)), min_size=1, max_size=4, unique=True))
    return ProgramSpec(
        tuple(events),
        tuple(specs),
        one_delay_each(draw(st.permutations(wiring))),
        tuple(starts),
        pools,
        stop_on_exception=stop and draw(st.sampled_from((True, True, False))),
        max_concurrent=1 if ordered else draw(st.integers(0, 3)),
    )


def one_delay_each(wiring: Sequence[AssocSpec]) -> tuple[AssocSpec, ...]:
    """The associations without those that give a second delay from the same event to the same target."""
    delays: dict[tuple[str, str], float] = {}
    for assoc in wiring:
        for target in assoc.targets:
            delays.setdefault((assoc.event, target), assoc.delay)
    return tuple(a for a in wiring if all(delays[a.event, target] == a.delay for target in a.targets))


@st.composite
def program_outcomes(draw: st.DrawFn, program: ProgramSpec) -> FailingCalls:
    """Which of the first calls of each task fail; enough of them for some recoveries."""
    tasks = [(step.name, sequence) for step in program.steps for sequence in sorted({s for _, s in program.starts})]
    firsts = st.sampled_from(((), (), (1,), (1, 2), (1, 2, 3), (2,), (1, 3), tuple(range(1, 20))))
    return FailingCalls(frozenset((*task, call) for task in tasks for call in draw(firsts)))


def _nested(draw: st.DrawFn, size: int) -> dict[Path, list[str]]:
    """The children of each container, the root's under the empty path, at most three levels deep."""
    children: dict[Path, list[str]] = {"": []}
    for number in range(size):
        parents = [path for path in children if path.count("/") < 2]
        parent = draw(st.sampled_from(parents))
        children[parent].append(f"n{number}")
        children[f"{parent}/n{number}".lstrip("/")] = []
    return children


def _loops(max_items: int) -> st.SearchStrategy[int | tuple[str, ...] | None]:
    keys = st.lists(st.sampled_from(("b", "a", "7")), max_size=max_items, unique=True).map(tuple)
    return st.none() | st.none() | st.integers(0, max_items) | keys


def _any_require(draw: st.DrawFn, before: Sequence[Path], outer: Sequence[Path]) -> Tree[Clause] | None:
    """Some tree over the earlier siblings and the earlier siblings of the containers around."""
    known = [*before, *outer]
    if not known or draw(st.sampled_from((False, False, True))):
        return None
    clauses = st.builds(
        Clause, st.sampled_from(known), st.sampled_from((*TERMINAL, StepStatus.ready, StepStatus.active))
    )
    several = st.lists(clauses, min_size=1, max_size=3).map(tuple)
    return draw(st.one_of(clauses, several.map(AllOf), several.map(AnyOf), st.builds(_mixed, clauses, several)))


def _mixed(clause: Clause, several: tuple[Clause, ...]) -> Tree[Clause]:
    return AllOf((clause, AnyOf(several)))


@st.composite
def trees(draw: st.DrawFn, *, stop: bool = False, max_nodes: int = 8, max_items: int = 3) -> TreeSpec:
    """A flow with any clauses, loops and parallel branches; if it may stop, compare by `replay`."""
    children = _nested(draw, draw(st.integers(1, max_nodes)))

    def build(path: Path, before: list[Path], outer: list[Path]) -> NodeSpec:
        require = _any_require(draw, before, outer)
        loop, concurrent = draw(_loops(max_items)), draw(st.integers(1, 2))
        return NodeSpec(path.split("/")[-1], group(path, outer + before), loop, concurrent, require)

    def group(path: Path, outer: list[Path]) -> tuple[NodeSpec, ...]:
        paths = [f"{path}/{name}".lstrip("/") for name in children[path]]
        return tuple(build(child, paths[:index], outer) for index, child in enumerate(paths))

    return TreeSpec(group("", []), stop, draw(st.integers(0, 3)))


@st.composite
def chained_trees(draw: st.DrawFn, *, stop: bool = True, max_nodes: int = 8, max_items: int = 3) -> TreeSpec:
    """A flow in which at most one leaf can be ready at a time, so that a stopped run of it is determined.

    Among siblings each waits for the end of the one before (`next`); or is the alternative to it, on the other
    status of the same step (`else`); or goes on after whichever of two alternatives was taken (`join`).
    """
    children = _nested(draw, draw(st.integers(1, max_nodes)))

    def links(paths: list[Path], outer: list[Path]) -> list[Tree[Clause] | None]:
        requires: list[Tree[Clause] | None] = []
        chosen: list[Clause | None] = []  # the clause of each `next` or `else`
        kinds: list[str] = []
        for index in range(len(paths)):
            pivot = chosen[-1] if chosen and kinds[-1] == "next" else None
            possible = ["next"] if index else ["start"]
            if pivot is not None and pivot.status is not StepStatus.complete:
                possible.append("else")
            if kinds and kinds[-1] == "else":
                possible.append("join")
            kind = draw(st.sampled_from(possible))
            own: Tree[Clause] | None = None
            clause = None
            if kind == "next":
                own = clause = Clause(paths[index - 1], draw(st.sampled_from(TERMINAL)))
            elif kind == "else" and pivot is not None:
                other = StepStatus.failure if pivot.status is StepStatus.success else StepStatus.success
                own = clause = Clause(pivot.path, other)
            elif kind == "join":
                own = AnyOf(tuple(Clause(path, draw(st.sampled_from(TERMINAL))) for path in paths[index - 2 : index]))
            earlier = [*paths[: max(index - 1, 0)], *outer]
            if earlier and draw(st.sampled_from((False, False, True))):
                extra = Clause(draw(st.sampled_from(earlier)), draw(st.sampled_from(TERMINAL)))
                own = extra if own is None else AllOf((own, extra))
            requires.append(own)
            chosen.append(clause)
            kinds.append(kind)
        return requires

    def group(path: Path, outer: list[Path]) -> tuple[NodeSpec, ...]:
        paths = [f"{path}/{name}".lstrip("/") for name in children[path]]
        return tuple(
            NodeSpec(name, group(child, outer + paths[:index]), draw(_loops(max_items)), 1, require)
            for index, (name, child, require) in enumerate(zip(children[path], paths, links(paths, outer), strict=True))
        )

    return TreeSpec(group("", []), stop, draw(st.integers(0, 3)))


@st.composite
def tree_outcomes(draw: st.DrawFn, tree: TreeSpec) -> FailingLeaves:
    """Which leaf executions fail."""
    possible = executions(tree)
    if not possible:
        return FailingLeaves()
    return FailingLeaves(draw(st.frozensets(st.sampled_from(possible), max_size=4)))
