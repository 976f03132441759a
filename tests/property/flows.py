"""From a model's flow to a real one, and from its runs to the model's results."""

import threading
from collections.abc import Mapping
from itertools import count
from typing import Any

import sequent
from eventcore.define.status import RunMode, TaskStatus
from eventcore.record.store import Store
from tests.model.containers import Action, Clause, Instance, NodeSpec, Outcomes, TreeResult, TreeSpec
from tests.model.kernel import AllOf, AnyOf, Tree
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
        self.trace: list[Action] = []
        self._lock = threading.Lock()

    def start(self) -> TreeResult:
        return self._run(RunMode.restart)

    def recover(self, *, accept_removed: bool = False) -> TreeResult:
        return self._run(RunMode.recover, accept_removed=accept_removed)

    def go_on(self, *, accept_removed: bool = False) -> TreeResult:
        return self._run(RunMode.continue_, accept_removed=accept_removed)

    def call(self) -> None:
        """The function of every leaf."""
        view = sequent.current()
        instance = Instance(view.name, view.sequence)
        with self._lock:
            self.trace += [Action("start", instance), Action("end", instance)]
        if self.outcomes(*instance) == "failure":
            raise ToldToFailError

    def _run(self, mode: RunMode, *, accept_removed: bool = False) -> TreeResult:
        self.trace.clear()
        with in_time():
            ok = self.built(mode).run(accept_removed=accept_removed)
        return TreeResult(instances(recorded(self.store, self.run_id).tasks), ok, tuple(self.trace))

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
        known: dict[str, Any] = {}
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
            require=() if node.require is None else (requirement(node.require, known),),
        )
        for child in node.children:
            self._add(step, child, f"{path}/{child.name}", known)


def requirement(tree: Tree[Clause], known: Mapping[str, Any]) -> Any:
    """A require clause as users write it."""
    if isinstance(tree, AllOf):
        return sequent.and_(*(requirement(part, known) for part in tree.parts))
    if isinstance(tree, AnyOf):
        return sequent.or_(*(requirement(part, known) for part in tree.parts))
    return (known[tree.path], tree.status)


def instances(tasks: Mapping[tuple[str, str], TaskStatus]) -> dict[Instance, TaskStatus]:
    """What users see of the kernel's tasks: no control steps, and a looping leaf's function under the leaf's name."""
    return {
        Instance(name.removesuffix("#body"), sequence): status
        for (name, sequence), status in tasks.items()
        if "#" not in name.removesuffix("#body")
    }
