"""The model of raw programs that run one task at a time, so that even the order of starts is determined."""

from collections.abc import Sequence

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.kernel import (
    Amounts,
    Fact,
    KernelResult,
    Life,
    Outcomes,
    ProgramSpec,
    StepSpec,
    Task,
    Tree,
    atoms,
    enclosing,
    fulfilled,
    live,
    unhandled,
)


def run_in_order(program: ProgramSpec, outcomes: Outcomes, history: Sequence[KernelResult] = ()) -> KernelResult:
    """The one possible run with `max_concurrent` 1 and the `invoke` executor, stops and stalls included.

    Tasks start in the order in which they became ready, and take what they acquire in that order as soon as it is
    there. All that a start or an end brings about is decided before the next thing happens: facts are taken in the
    order in which they were raised (expressions see a fact from the moment it is taken); for each, first its
    associations in order of definition, then the expression events in order of definition, at the fact's own sequence
    before those it encloses. Skips are over the moment they are reached and leave the pools as their run had; steps
    without function are over when their turn comes, and need not wait for one that runs. A retry keeps its place in the
    queue. After a failure that stops, nothing starts.
    """
    if any(assoc.delay for assoc in program.assocs):
        raise ValueError("a delay makes the order depend on the clock")
    return _InOrder(program, outcomes, history).run()


class _InOrder:
    """The state of `run_in_order`: lists in order of appearance."""

    def __init__(self, program: ProgramSpec, outcomes: Outcomes, history: Sequence[KernelResult]) -> None:
        self.program, self.outcomes, self.history = program, outcomes, history
        self.raised: list[Fact] = []
        self.facts: set[Fact] = set()  # those taken
        self.lives: dict[Task, Life] = {}
        self.tasks: dict[Task, TaskStatus] = {}
        self.queue: list[Task] = []
        self.holding: set[Task] = set()
        self.waiting: set[Task] = set()  # for units of a pool, since their turn came
        self.runs = False  # one that needs a worker
        self.order: list[Task] = []
        self.attempts: dict[Task, int] = dict(history[-1].attempts) if history else {}
        self.free: dict[str, int] = dict(program.pools)

    def run(self) -> KernelResult:
        self.raised += self.program.starts
        self.take_facts()
        stopped = False
        while (task := self.next_startable()) is not None and not stopped:
            self.perform(task)
            stopped = self.tasks[task] is TaskStatus.failure and self.program.stops_at(self.program.step_of(task))
        stalled = bool(self.queue)
        verdict = not stalled and not unhandled(self.program, self.tasks)
        return KernelResult(frozenset(self.facts), self.tasks, verdict, self.attempts, tuple(self.order))

    def take_facts(self) -> None:
        while self.raised:
            event, sequence = self.raised.pop(0)
            if (event, sequence) in self.facts:
                continue
            self.facts.add((event, sequence))
            for assoc in self.program.assocs:
                for target in assoc.targets if assoc.event == event else ():
                    if self.program.step(target) is None:
                        self.raised.append((target, sequence))
                    else:
                        self.reach((target, sequence))
            for derived in self.program.events:
                if derived.expr is not None and event in atoms(derived.expr):
                    self.evaluate(derived.name, derived.expr, sequence)

    def evaluate(self, name: str, expr: Tree[str], sequence: str) -> None:
        """Raise the event of an expression where it holds: at the new fact's sequence and at those it encloses."""
        touched = dict.fromkeys(at for event, at in self.facts if event in atoms(expr) and sequence in enclosing(at))
        for inner in sorted(touched, key=lambda at: at != sequence):
            if (name, inner) not in self.facts and fulfilled(expr, inner, frozenset(self.facts)):
                self.raised.append((name, inner))

    def reach(self, task: Task) -> None:
        """A step reached by several events at one sequence runs once."""
        if task in self.tasks:
            return
        life = self.lives[task] = live(self.program, task, self.outcomes, self.history)
        if life.status is TaskStatus.skipped:
            step = self.program.step_of(task)
            self.change_free(-1, step.acquires)
            self.give_back(step)
            self.pass_moments(task, life.status, *life.moments)
        else:
            self.queue.append(task)
            self.pass_moments(task, TaskStatus.ready, StepStatus.ready)

    def pass_moments(self, task: Task, status: TaskStatus, *moments: StepStatus) -> None:
        self.tasks[task] = status
        for moment in moments:
            self.raised += [(event, task[1]) for event in self.program.step_of(task).events_at(moment)]

    def next_startable(self) -> Task | None:
        """design.md, Resources: first come first served; what an earlier task waits for is kept from later ones."""
        for task in list(self.queue):
            if self.takes(task) and not (self.runs and self.program.step_of(task).function):
                return task
        return None

    def takes(self, task: Task) -> bool:
        """Whether a task of the queue has what it acquires, now at the latest."""
        if task not in self.holding:
            wanted = self.program.step_of(task).acquires
            before = self.queue[: self.queue.index(task)]
            kept = {pool for other in before if other not in self.holding for pool, _ in self.acquires(other)}
            if any(amount > self.free[pool] or pool in kept for pool, amount in wanted):
                self.waiting.add(task)
                return False
            self.change_free(-1, wanted)
            self.holding.add(task)
        return True

    def acquires(self, task: Task) -> Amounts:
        return self.program.step_of(task).acquires

    def change_free(self, sign: int, amounts: Amounts) -> None:
        for pool, amount in amounts:
            self.free[pool] += sign * amount

    def give_back(self, step: StepSpec) -> None:
        """Return what a step releases; those that wait take it at once."""
        self.change_free(1, step.acquires if step.releases is None else step.releases)
        for task in self.queue:
            if task in self.waiting:
                self.takes(task)

    def perform(self, task: Task) -> None:
        life = self.lives[task]
        step = self.program.step_of(task)
        self.queue.remove(task)
        self.pass_moments(task, TaskStatus.active, StepStatus.active)
        self.take_facts()
        if step.function:
            self.runs = True
            while (other := self.next_startable()) is not None:
                self.perform(other)
            self.runs = False
            self.order += [task] * life.calls
            self.attempts[task] = self.attempts.get(task, 0) + life.calls
        self.give_back(step)
        self.pass_moments(task, life.status, *life.moments[2:])
        self.take_facts()
