"""From a flow to a program of the kernel.

Every child of a container can be told to run (an association from the container's `#begin`, or from what its
requirement asks for), and it can become certain that it will not (`#void`): its requirement's tree with and and or
exchanged, over events that say that a status can no longer come (`#never-success` and the like). So whether a child
ran or not, its `#over` comes in the end, and when all have come the iteration is over. A failure that nobody handles
raises `#broken`, which ends its iteration, or `#flawed` where `stop_on_exception` is off.

Only events that something asks for are made. Names of inner things have a `#`, which no step name can have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from eventcore.define.config import Config, StepConfig
from eventcore.define.expression import And, Expression, rebuilt
from eventcore.define.program import Event, Placement, Program, Step
from eventcore.define.status import StepStatus
from sequent.compiler.container import ContainerControl, IterationControl, LoopControl, StaticItemsControl
from sequent.compiler.graph import FlowGraph
from sequent.compiler.outline import outline_of
from sequent.language.loops import ComputedItems
from sequent.language.references import ItemReference, KeyReference, ResultReference
from sequent.language.require import Clause, step_of
from sequent.language.step import Container, FlowStep, StaticLoop

ROOT_SEQUENCE = "1"

#: the moments at which a status is certain to have come; a skip in recovery raises success alone
_comes_with: Mapping[StepStatus, tuple[StepStatus, ...]] = {
    StepStatus.ready: (StepStatus.ready, StepStatus.success),
    StepStatus.active: (StepStatus.active, StepStatus.success),
    StepStatus.success: (StepStatus.success,),
    StepStatus.failure: (StepStatus.failure,),
    StepStatus.complete: (StepStatus.complete,),
}

#: the end that rules a status out
_ruled_out_by: Mapping[StepStatus, tuple[StepStatus, ...]] = {
    StepStatus.success: (StepStatus.failure,),
    StepStatus.failure: (StepStatus.success,),
}


def compiled(root: Container, name: str, config: Config) -> tuple[Program, tuple[str, str], Any]:
    """The kernel's program, its start, and the outline that pictures show; raises `FlowError`s."""
    graph = FlowGraph(root, lambda step: bool(config.of_step(step.config, "stop_on_exception")))
    compiler = _Compiler(Program(name), graph)
    compiler.compile_inside(root)
    return compiler.program, ("#begin", ROOT_SEQUENCE), outline_of(graph)


class _Compiler:
    def __init__(self, program: Program, graph: FlowGraph) -> None:
        self.program = program
        self.graph = graph
        self.controls: dict[str, ContainerControl] = {}

    # events

    def event(self, name: str, scope: str) -> Event:
        """The event of this name, made at its first use."""
        known = self.program.events.get(name)
        return self.program.add_event(name, scope=scope) if known is None else known

    def came(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step reached the status."""
        return self.event(f"{step.path}#{status.value}", step.parent.path)

    def never(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step cannot reach the status any more."""
        return self.event(f"{step.path}#never-{status.value}", step.parent.path)

    # the tree

    def compile_inside(self, container: Container) -> None:
        """Everything that belongs to the container's iterations, or to the flow itself."""
        path = container.path
        begin = self.event(f"{path}#begin", path)
        if self.graph.can_be_halted(container):
            self._add_halting(container, begin)
        if isinstance(container, FlowStep) and not container.children:
            self._add_body(container, begin)
        for child in container.children.values():
            self._add_child(child, begin)
        for child in container.children.values():
            if child.is_container:
                self.compile_inside(child)

    def _add_halting(self, container: Container, begin: Event) -> None:
        assert isinstance(container, FlowStep)
        path = container.path
        expr = None
        if self.graph.can_be_halted(container.parent):
            expr = (begin, self.program.events[f"{container.parent.path}#halted"])
        halted = self.program.add_event(f"{path}#halted", expr, scope=path, halts=True)
        self.program.add_assoc(self.event(f"{path}#broken", path), (halted,))

    def _add_body(self, step: FlowStep, begin: Event) -> None:
        """The function of a step with a loop of its own: the one child of its iterations."""
        over = self.event(f"{step.path}#body-over", step.path)
        trouble = self._trouble(step, step.path, self.graph.stops(step))
        self._add_step(
            f"{step.path}#body", step, step.func, step.args, step.kwargs,
            {StepStatus.complete: [over], StepStatus.failure: [trouble]},
            Placement(
                path=step.path, scope=step.path, void=over, handled=self.graph.is_handled(step),
                result_needed=step.path in self.graph.referred, **self._surroundings(step, step),
            ),
            self._config_of(step, self.graph.ends_the_run(step)),
        )  # fmt: skip
        self.program.add_assoc(begin, (self.program.steps[f"{step.path}#body"],))
        self._add_iteration(step, [over])

    def _add_child(self, step: FlowStep, begin: Event) -> None:
        scope = step.parent.path
        inner = isinstance(step.parent, FlowStep)
        triggers: dict[StepStatus, list[Event]] = {status: [] for status in StepStatus}
        for status in StepStatus:
            if (step.path, status) in self.graph.asked:
                for moment in _comes_with[status]:
                    triggers[moment].append(self.came(step, status))
            if (step.path, status) in self.graph.never_asked:
                for moment in _ruled_out_by.get(status, ()):
                    triggers[moment].append(self.never(step, status))
        if inner:
            triggers[StepStatus.complete].append(self.event(f"{step.path}#over", scope))
            if step.path not in self.graph.handled:
                triggers[StepStatus.failure].append(self._trouble(step.parent, scope, self.graph.stops(step)))
        void = self._void(step, begin) if step.path in self.graph.voidable else None
        if step.is_container:
            kernel_step = self._add_container(step, triggers, void)
        else:
            placement = Placement(
                path=step.path, scope=scope, void=void, handled=self.graph.is_handled(step),
                result_needed=step.path in self.graph.referred, **self._surroundings(step, step.parent),
            )  # fmt: skip
            kernel_step = self._add_step(
                step.path, step, step.func, step.args, step.kwargs, triggers, placement,
                self._config_of(step, self.graph.ends_the_run(step)),
            )  # fmt: skip
        self._connect(step, begin, kernel_step)

    def _trouble(self, container: Container, scope: str, stops: bool) -> Event:
        """What a failure that nobody handles raises in the iteration around it."""
        return self.event(f"{container.path}#{'broken' if stops else 'flawed'}", scope)

    def _connect(self, step: FlowStep, begin: Event, target: Step) -> None:
        """Have the step start when its requirement holds."""
        tree = self.graph.requirement(step)
        if tree is None:
            source = begin
        elif (single := self._single(step, tree)) is not None:
            source = self.came(_step(single), single.status)
        else:
            expr = self._at_home(step, begin, rebuilt(tree, lambda leaf: self.came(_step(leaf), _status(leaf))))
            source = self.program.add_event(f"{step.path}#require", expr, scope=step.parent.path)
        self.program.add_assoc(source, (target,), step.delay)

    def _void(self, step: FlowStep, begin: Event) -> Event:
        """The event that says that the step will not run, and what follows from it."""
        scope = step.parent.path
        tree = self.graph.requirement(step)
        expr = source = None
        if tree is not None and (single := self._single(step, tree)) is not None:
            source = self.never(_step(single), single.status)
        elif tree is not None:
            dual = rebuilt(tree, lambda leaf: self.never(_step(leaf), _status(leaf)), dual=True)
            expr = self._at_home(step, begin, dual)
        void = self.program.add_event(f"{step.path}#void", expr, scope=scope)
        if source is not None:
            self.program.add_assoc(source, (void,))
        follows = [self.never(step, status) for status in StepStatus if (step.path, status) in self.graph.never_asked]
        if isinstance(step.parent, FlowStep):
            follows.append(self.event(f"{step.path}#over", scope))
        self.program.add_assoc(void, follows)
        return void

    def _single(self, step: FlowStep, tree: Expression) -> Clause | None:
        """The one clause of the tree, where it names a sibling: an association then says it all."""
        return tree if isinstance(tree, Clause) and _step(tree).parent is step.parent else None

    def _at_home(self, step: FlowStep, begin: Event, expr: Any) -> Any:
        """Tie an expression that speaks of outer steps to the iterations of the step's own container."""
        return And(begin, expr) if self.graph.outward(step) else expr

    def _add_container(self, step: FlowStep, triggers: Mapping[StepStatus, list[Event]], void: Event | None) -> Step:
        scope, path = step.parent.path, step.path
        items = None if step.loop is None else self.event(f"{path}#items-wanted", scope)
        control = ContainerControl(path, scope, self.event(f"{path}#begin", path), items, step.concurrent)
        kernel_step = self._add_step(
            path, step, None, (), {}, triggers,
            Placement(path=path, scope=scope, void=void, handled=self.graph.is_handled(step)),
            self._config_of(step, self.graph.ends_the_run(step)), control,
        )  # fmt: skip
        if items is not None:
            self._add_items(step, items, control)
        self.controls[path] = control
        if step.children:
            self._add_iteration(
                step, [self.event(f"{child.path}#over", path) for child in self.graph.closing_children(step)]
            )
        return kernel_step

    def _add_items(self, step: FlowStep, wanted: Event, control: ContainerControl) -> None:
        scope, path = step.parent.path, step.path
        over = self.event(f"{path}#items-over", scope)
        placement = Placement(path=path, scope=scope, void=over, handled=True, hidden=True, result_needed=True)
        name, triggers = f"{path}#items", {StepStatus.complete: [over]}
        config = self._config_of(step, False)
        if isinstance(step.loop, StaticLoop):
            target = self._add_step(
                name, None, None, (), {}, triggers, placement, config, StaticItemsControl(step.loop.text)
            )
        elif isinstance(step.loop, ResultReference):
            config = msgspec.structs.replace(config, task_construct="invoke", timeout=None)
            target = self._add_step(name, None, ComputedItems(None), (step.loop,), {}, triggers, placement, config)
        else:
            target = self._add_step(name, None, ComputedItems(step.loop), (), {}, triggers, placement, config)
        self.program.add_assoc(wanted, (target,))
        hidden = Placement(path=path, scope=scope, handled=True, hidden=True)
        taker = self._add_step(f"{path}#loop", None, None, (), {}, {}, hidden, StepConfig(), LoopControl(control))
        self.program.add_assoc(over, (taker,))

    def _add_iteration(self, container: FlowStep, overs: list[Event]) -> None:
        path = container.path
        control = self.controls[path]
        hidden = Placement(path=path, scope=path, handled=True, hidden=True)
        closing = self._add_step(
            f"{path}#iteration", None, None, (), {}, {}, hidden, StepConfig(),
            self._iteration_control(container, control),
        )  # fmt: skip
        over = overs[0] if len(overs) == 1 else self.program.add_event(f"{path}#all-over", tuple(overs), scope=path)
        self.program.add_assoc(over, (closing,))

    def _iteration_control(self, container: FlowStep, control: ContainerControl) -> IterationControl:
        outward = {
            child.path: statuses for child in container.children.values() if (statuses := self.graph.outward(child))
        }
        handles = any(statuses & {StepStatus.failure, StepStatus.complete} for statuses in outward.values())
        path = container.path
        return IterationControl(control, f"{path}#broken", f"{path}#flawed", tuple(outward), handles=handles)

    def _add_step(self, name: str, step: FlowStep | None, func: Any, args: Iterable[Any], kwargs: Mapping[str, Any],
                  triggers: Mapping[StepStatus, list[Event]], placement: Placement, config: StepConfig,
                  control: Any = None) -> Step:  # fmt: skip
        owns_units = step is not None and not name.endswith("#body")
        return self.program.add_step(
            name, func, args, kwargs,
            {status: list(dict.fromkeys(events)) for status, events in triggers.items() if events},
            step.acquires if step is not None and owns_units else (),
            step.releases if step is not None and owns_units else None,
            step.recovery if step is not None else {}, config, placement, control,
        )  # fmt: skip

    def _config_of(self, step: FlowStep, stops_the_run: bool) -> StepConfig:
        config = step.config
        if step.is_container and step.children:
            config = msgspec.structs.replace(config, max_concurrent=None)
        return msgspec.structs.replace(config, stop_on_exception=stops_the_run)

    def _surroundings(self, step: FlowStep, inside: Container) -> dict[str, Any]:
        """What a step can know of the nearest loop around it."""
        around = [inside, *(inside.containers if isinstance(inside, FlowStep) else [])]
        for container in around:
            if isinstance(container, FlowStep) and container.loop is not None:
                item = ItemReference(container)
                return {"extras": {"item": item, "key": KeyReference(container)}, "environment": {"LOOP_VALUE": item}}
        return {}


def _step(clause: Any) -> FlowStep:
    assert isinstance(clause, Clause)
    return step_of(clause)


def _status(clause: Any) -> StepStatus:
    assert isinstance(clause, Clause)
    return clause.status
