"""From a model's flow to a real one, and from its runs to the model's results."""

import threading
from collections.abc import Mapping
from itertools import count
from typing import Any

import sequent
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.status import RunMode, TaskStatus
from eventcore.record.store import Store
from tests.model.containers import Action, Outcomes, TreeResult
from tests.model.kernel import AllOf, AnyOf, Outcome, Tree
from tests.model.tree import Clause, Instance, Members, NodeSpec, Previous, TreeSpec, walk
from tests.property.programs import ToldToFailError, in_time
from tests.property.reading import recorded, share

_numbers = count()


class FlowRun:
    """One run of a model's flow by the real engine; `outcomes` may change from recovery to recovery."""

    def __init__(self, tree: TreeSpec, outcomes: Outcomes, store: Store, construct: str = "invoke") -> None:
        self.tree = tree
        self.outcomes = outcomes
        self.store = store
        self.construct = construct
        self.run_id = f"flow-{next(_numbers)}"
        self.clock = VirtualClock()
        self.trace: list[Action] = []
        self.denied: set[Instance] = set()  #: conditions that have said no
        self._lock = threading.Lock()

    def start(self, max_loops: int = -1) -> TreeResult:
        return self._run(RunMode.restart, max_loops)

    def recover(self, max_loops: int = -1, *, accept_removed: bool = False) -> TreeResult:
        return self._run(RunMode.recover, max_loops, accept_removed=accept_removed)

    def go_on(self, max_loops: int = -1, *, accept_removed: bool = False) -> TreeResult:
        return self._run(RunMode.continue_, max_loops, accept_removed=accept_removed)

    def call(self) -> None:
        """The function of every leaf."""
        view = sequent.current()
        if self._came_to(Instance(view.name, view.sequence)) == "omitted":
            raise sequent.Skip("nothing to do")

    def ask(self) -> bool:
        """The function of every condition."""
        view = sequent.current()
        asked = Instance(f"{view.name}?", view.sequence)
        holds = self._came_to(asked) != "omitted"
        (self.denied.discard if holds else self.denied.add)(asked)
        return holds

    def _came_to(self, instance: Instance) -> Outcome:
        with self._lock:
            self.trace += [Action("start", instance), Action("end", instance)]
        outcome = self.outcomes(*instance)
        if outcome == "failure":
            raise ToldToFailError
        return outcome

    def _run(self, mode: RunMode, max_loops: int = -1, *, accept_removed: bool = False) -> TreeResult:
        self.trace.clear()
        with in_time():
            ok = self.built(mode).run(max_loops, accept_removed=accept_removed)
        return TreeResult(self.standing(), ok, tuple(self.trace))

    def standing(self) -> dict[Instance, TaskStatus]:
        """How everything in the latest recovery has ended, or stands; a condition that said no as omitted."""
        found = instances(recorded(self.store, self.run_id).tasks)
        denials = [asked for asked in self.denied if asked in found and found[asked].is_done]
        return found | dict.fromkeys(denials, TaskStatus.omitted)

    def built(self, mode: RunMode) -> sequent.Sequent:
        """The flow, anew."""
        flow = sequent.Sequent(
            "model", store=self.store.location, run_mode=mode, run_id=self.run_id, logging_level="CRITICAL",
            config={
                "task_construct": self.construct, "max_concurrent": self.tree.max_concurrent, "console": False,
                "stop_on_exception": self.tree.stop_on_exception, "durability": "normal",
            },
        )  # fmt: skip
        if not self.store.backend.is_shared:
            share(flow, self.store)
        if any(node.delay for _, node in walk(self.tree)):
            flow.use_clock(self.clock)
        known: dict[str, Any] = {"": flow}
        for child in self.tree.children:
            self._add(flow, child, child.name, known)
        return flow

    def _add(self, parent: Any, node: NodeSpec, path: str, known: dict[str, Any]) -> None:
        loop: Any = node.loop
        if isinstance(loop, tuple):
            loop = {key: key for key in loop}
        elif loop is not None:
            loop = range(loop)
        step = known[path] = parent.add_step(
            node.name,
            None if node.children else self.call,
            loop=loop,
            concurrent=node.concurrent,
            delay=node.delay,
            require=() if node.require is None else (requirement(node.require, known),),
            when=self.ask if node.when else None,
            config={"allow_failure": node.allow_failure, "must_run": node.must_run},
        )
        for child in node.children:
            self._add(step, child, f"{path}/{child.name}", known)


def requirement(tree: Tree[Clause], known: Mapping[str, Any]) -> Any:
    """A require clause as users write it."""
    if isinstance(tree, AllOf):
        return sequent.and_(*(requirement(part, known) for part in tree.parts))
    if isinstance(tree, AnyOf):
        return sequent.or_(*(requirement(part, known) for part in tree.parts))
    if isinstance(tree, Members):
        if tree.least is None:
            return sequent.all_of(known[tree.path], tree.status)
        return sequent.at_least(tree.least, known[tree.path], tree.status)
    if isinstance(tree, Previous):
        return (sequent.previous(tree.path.rpartition("/")[2], tree.back, known[tree.loop]), tree.status)
    return (known[tree.path], tree.status)


def instances(tasks: Mapping[tuple[str, str], TaskStatus]) -> dict[Instance, TaskStatus]:
    """What users see of the kernel's tasks, and the conditions; a looping leaf's function is under the leaf's name."""
    named = {name: name.removesuffix("#body").replace("#when", "?") for name, _ in tasks}
    return {
        Instance(named[name], sequence): status for (name, sequence), status in tasks.items() if "#" not in named[name]
    }
