"""From a flow to a program of the kernel.

Every child of a container can be told to run (an association from the container's `#begin`, or from what its
requirement asks for), and it can become certain that it will not (`#void`): its requirement's tree with and and or
exchanged, over events that say that a status can no longer come (`#never-success` and the like). So whether a child
ran or not, its `#over` comes in the end, and when all have come the iteration is over. A failure that nobody handles
raises `#broken`, which ends its iteration, or `#flawed` where `stop_on_exception` is off.

Only events that something asks for are made. Names of inner things have a `#`, which no step name can have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from eventcore.define.config import Config, StepConfig
from eventcore.define.expression import And, Expression, as_data, rebuilt
from eventcore.define.program import Event, EventKind, Items, Loop, Picture, Place, Program, Role, Step
from eventcore.define.reference import Reference
from eventcore.define.status import StepStatus
from eventcore.define.stored import function_name
from sequent.compiler.graph import FlowGraph
from sequent.language.loops import ComputedItems
from sequent.language.open_loops import Asking, Stream, Until, name_of, pulling
from sequent.language.references import ItemReference, KeyReference, RecordedCount, ResultReference, body_name
from sequent.language.require import Clause
from sequent.language.step import Container, FlowStep, StaticLoop, step_of

ROOT_SEQUENCE = "1"
_STATUSES = tuple(StepStatus)

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


def compiled(root: Container, name: str, config: Config) -> tuple[Program, tuple[str, str]]:
    """The kernel's program, and its start; raises `FlowError`s."""
    graph = FlowGraph(root, lambda step: bool(config.of_step(step.config, "stop_on_exception")))
    program = Program(name)
    begin = program.add_root_begin()
    _Compiler(program, graph).compile_inside(root, begin)
    return program, (begin.name, ROOT_SEQUENCE)


class _Compiler:
    def __init__(self, program: Program, graph: FlowGraph) -> None:
        self.program = program
        self.graph = graph

    # events

    def event(self, name: str, scope: str, kind: EventKind = EventKind.internal) -> Event:
        """The event of this name, made at its first use."""
        known = self.program.events.get(name)
        return self.program.add_event(name, scope=scope, kind=kind) if known is None else known

    def came(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step reached the status."""
        return self.event(f"{step.path}#{status.value}", step.parent.path)

    def never(self, step: FlowStep, status: StepStatus) -> Event:
        """The event that says that the step can no longer reach the status."""
        return self.event(f"{step.path}#never-{status.value}", step.parent.path)

    # the tree

    def compile_inside(self, container: Container, begin: Event) -> None:
        """Everything that belongs to the container's iterations, or to the flow itself."""
        if isinstance(container, FlowStep) and not container.children:
            self._add_body(container, begin)
        for child in container.children.values():
            self._add_child(child, begin)
        for child in container.children.values():
            if child.is_container:
                inner = self.program.scopes[child.path].begin
                assert inner is not None
                self.compile_inside(child, inner)

    def _add_body(self, step: FlowStep, begin: Event) -> None:
        """The function of a step with a loop of its own: the one child of its iterations."""
        if isinstance(step.loop, Until):
            over = self.event(f"{step.path}#body-over", step.path)
            self._close(step, (over,))
        else:
            over = self.event(f"{step.path}#over-inside", step.path, EventKind.over)
        trouble = self._trouble(step, step.path, self.graph.stops(step))
        body = self._add_step(
            body_name(step.path), step,
            {StepStatus.complete: [over], StepStatus.failure: [trouble]},
            Place(
                path=step.path, scope=step.path, void=over, handled=self.graph.is_handled(step),
                result_needed=step.path in self.graph.referred, **self._surroundings(step, step),
            ),
            self._config_of(step, self.graph.ends_the_run(step)), Role.body,
        )  # fmt: skip
        self.program.add_assoc(begin, (body,))

    def _add_child(self, step: FlowStep, begin: Event) -> None:
        scope = step.parent.path
        inner = isinstance(step.parent, FlowStep)
        triggers: defaultdict[StepStatus, list[Event]] = defaultdict(list)
        for status in self.graph.asked_of(step):
            for moment in _comes_with[status]:
                triggers[moment].append(self.came(step, status))
        for status in self.graph.never_asked_of(step):
            for moment in _ruled_out_by.get(status, ()):
                triggers[moment].append(self.never(step, status))
        if inner:
            triggers[StepStatus.complete].append(self.event(f"{step.path}#over", scope))
            if step.path not in self.graph.handled:
                triggers[StepStatus.failure].append(self._trouble(step.parent, scope, self.graph.stops(step)))
        void = self._void(step, begin) if step.path in self.graph.voidable else None
        surroundings = {} if step.is_container else self._surroundings(step, step.parent)
        place = Place(
            path=step.path, scope=scope, void=void, handled=self.graph.is_handled(step), picture=self._picture(step),
            result_needed=step.path in self.graph.referred and not step.is_container, **surroundings,
        )  # fmt: skip
        config = self._config_of(step, self.graph.ends_the_run(step))
        if step.is_container:
            kernel_step = self._add_container(step, triggers, place, config)
        else:
            kernel_step = self._add_step(step.path, step, triggers, place, config)
        self._connect(step, begin, kernel_step)

    def _trouble(self, container: Container, scope: str, stops: bool) -> Event:
        """The event that an unhandled failure triggers in the iteration around it."""
        kind = EventKind.broken if stops else EventKind.flawed
        return self.event(f"{container.path}#{kind}", scope, kind)

    def _connect(self, step: FlowStep, begin: Event, target: Step) -> None:
        """Have the step start when its requirement holds."""
        tree = self.graph.requirement(step)
        if tree is None:
            source = begin
        elif (single := self._single(step, tree)) is not None:
            source = self.came(_step(single), single.status)
        else:
            expr = self._at_home(step, begin, rebuilt(tree, lambda leaf: self.came(_step(leaf), _status(leaf))))
            source = self.program.add_event(
                f"{step.path}#require", expr, scope=step.parent.path, kind=EventKind.internal
            )
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
        void = self.program.add_event(f"{step.path}#void", expr, scope=scope, kind=EventKind.void)
        if source is not None:
            self.program.add_assoc(source, (void,))
        follows = [self.never(step, status) for status in self.graph.never_asked_of(step)]
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

    def _add_container(
        self, step: FlowStep, triggers: Mapping[StepStatus, list[Event]], place: Place, config: StepConfig
    ) -> Step:
        scope = self.program.add_scope(step.path, step.parent.path)
        items = None if step.loop is None or isinstance(step.loop, Until) else self._add_items(step)
        outward = tuple(child.path for child in step.children.values() if self.graph.outward(child))
        if step.children:
            overs = tuple(self.event(f"{child.path}#over", step.path) for child in self.graph.closing_children(step))
            self._close(step, overs)
        setup, teardown = (self._add_around(step, role) for role in (Role.setup, Role.teardown))
        asking, limit = (f"{step.path}#until", step.loop.limit) if isinstance(step.loop, Until) else (None, 1)
        loop = Loop(
            scope, items, step.concurrent, outward, setup, teardown, isinstance(step.loop, Stream), asking, limit
        )  # fmt: skip
        return self._add_step(step.path, step, triggers, place, config, Role.container, loop)

    def _close(self, step: FlowStep, overs: tuple[Event, ...]) -> None:
        """Have the container's iteration be over when all of these have come, and its condition has been asked."""
        if isinstance(step.loop, Until):
            asks = self._all_of(f"{step.path}#asks", overs, EventKind.internal)
            overs = (*overs, self._add_condition(step, step.loop, asks))
        self._all_of(f"{step.path}#over-inside", overs, EventKind.over)

    def _all_of(self, name: str, events: tuple[Event, ...], kind: EventKind) -> Event:
        """An event in the scope of these that comes when all of them have."""
        found = self.program.add_event(name, events if len(events) > 1 else None, scope=events[0].scope, kind=kind)
        if len(events) == 1:
            self.program.add_assoc(events[0], (found,))
        return found

    def _add_condition(self, step: FlowStep, loop: Until, asks: Event) -> Event:
        """The step that asks whether the loop is to end; the event says that it has, or will not."""
        over = self.event(f"{step.path}#until-over", step.path)
        trouble = self._trouble(step, step.path, self.graph.stops(step))
        config = msgspec.structs.replace(self._config_of(step, self.graph.ends_the_run(step)), max_concurrent=None)
        args: tuple[Any, ...] = ()
        function = None if isinstance(loop.condition, Reference) else loop.condition
        if isinstance(loop.condition, Reference):
            config, args = msgspec.structs.replace(config, task_construct="invoke", timeout=None), (loop.condition,)
        place = Place(
            path=step.path, scope=step.path, void=over, handled=self.graph.is_handled(step),
            **self._surroundings(step, step),
        )  # fmt: skip
        asking = self.program.add_step(
            f"{step.path}#until", Asking(function), args, {},
            {StepStatus.failure: (trouble,), StepStatus.complete: (over,)}, (), None, step.recovery, config, place,
            Role.until,
        )  # fmt: skip
        self.program.add_assoc(asks, (asking,))
        return over

    def _add_items(self, step: FlowStep) -> str:
        """The step that computes the container's items; the container has it reached when it starts."""
        scope, name = step.parent.path, f"{step.path}#items"
        over = self.event(f"{step.path}#items-over", scope, EventKind.items)
        config = self._config_of(step, False)
        known: Items | None = None
        func: Callable[..., Any] | None = None
        args: tuple[Any, ...] = ()
        surroundings: dict[str, Any] = {}
        role = Role.items
        if isinstance(step.loop, StaticLoop):
            known = step.loop.items
        elif isinstance(step.loop, Stream):
            func, construct = pulling(step.loop)
            config, role = msgspec.structs.replace(config, task_construct=construct, timeout=None), Role.stream
            args, surroundings = (RecordedCount(step),), self._surroundings(step, step.parent)
        elif isinstance(step.loop, Reference):
            config = msgspec.structs.replace(config, task_construct="invoke", timeout=None)
            func, args = ComputedItems(None), (step.loop,)
        else:
            func, surroundings = ComputedItems(step.loop), self._surroundings(step, step.parent)
        self.program.add_step(
            name, func, args, {}, {StepStatus.complete: (over,)}, (), None, step.recovery, config,
            Place(path=step.path, scope=scope, void=over, handled=True, result_needed=True, **surroundings), role,
            items=known,
        )  # fmt: skip
        return name

    def _add_around(self, step: FlowStep, role: Role) -> str | None:
        """The step that sets the container up, or tears it down; None where it has none."""
        call = step.around.get(role.value)
        if call is None:
            return None
        scope, name = step.parent.path, f"{step.path}#{role.value}"
        over = self.event(f"{name}-over", scope, EventKind.around)
        place = Place(
            path=step.path, scope=scope, void=over, handled=True, survives=role is Role.teardown,
            **self._surroundings(step, step.parent),
        )  # fmt: skip
        config = msgspec.structs.replace(self._config_of(step, False), max_concurrent=None)
        self.program.add_step(
            name, call.func, call.args, {}, {StepStatus.complete: (over,)}, (), None, {}, config, place, role
        )
        return name

    def _add_step(self, name: str, step: FlowStep, triggers: Mapping[StepStatus, list[Event]], place: Place,
                  config: StepConfig, role: Role = Role.action, loop: Loop | None = None) -> Step:  # fmt: skip
        runs, owns_units = role is not Role.container, role is not Role.body
        return self.program.add_step(
            name, step.func if runs else None, step.args if runs else (), step.kwargs if runs else {},
            {status: tuple(dict.fromkeys(triggers[status])) for status in _STATUSES if status in triggers},
            step.acquires if owns_units else (), step.releases if owns_units else None,
            step.recovery, config, place, role, loop,
        )  # fmt: skip

    def _picture(self, step: FlowStep) -> Picture:
        """What pictures show of the step as it was written."""
        names = {what: _short_name(call.func) for what, call in step.around.items()}
        return msgspec.structs.replace(self._loop_picture(step), **names)

    def _loop_picture(self, step: FlowStep) -> Picture:
        tree = self.graph.requirement(step)
        require = None if tree is None else as_data(tree, _clause_data)
        if step.loop is None:
            return Picture(concurrent=step.concurrent, delay=step.delay, require=require)
        if isinstance(step.loop, StaticLoop):
            return Picture("items", step.loop.items.size, None, step.concurrent, step.delay, require)
        if isinstance(step.loop, (ResultReference, ItemReference)):
            kind: Literal["result", "item"] = "result" if isinstance(step.loop, ResultReference) else "item"
            return Picture(kind, None, step.loop.step.path, step.concurrent, step.delay, require)
        if isinstance(step.loop, Until):
            condition = name_of(step.loop.condition)
            said = condition if isinstance(step.loop.condition, Reference) else f"{condition}()"
            return Picture("until", None, said, step.concurrent, step.delay, require, step.loop.limit)
        if isinstance(step.loop, Stream):
            return Picture("stream", None, _short_name(step.loop.function), step.concurrent, step.delay, require)
        return Picture("function", None, _short_name(step.loop), step.concurrent, step.delay, require)

    def _config_of(self, step: FlowStep, stops_the_run: bool) -> StepConfig:
        config = step.config
        if step.is_container and step.children:
            config = msgspec.structs.replace(config, max_concurrent=None)
        if stops_the_run == self.graph.stops(step):
            return config
        return msgspec.structs.replace(config, stop_on_exception=stops_the_run)

    def _surroundings(self, step: FlowStep, inside: Container) -> dict[str, Any]:
        """What a step can know of the nearest loop around it."""
        around = [inside, *inside.containers] if isinstance(inside, FlowStep) else []
        looped = [container for container in around if container.loop is not None]
        if not looped:
            return {}
        extras: dict[str, Reference] = {"key": KeyReference(looped[0])}
        found = next((container for container in looped if container.has_items), None)
        if found is None:
            return {"extras": extras}
        item = ItemReference(found)
        return {"extras": {"item": item, **extras}, "environment": {"LOOP_VALUE": item}}


def _short_name(function: Any) -> str:
    return (function_name(function) or "?").rpartition(":")[2]


def _step(clause: Any) -> FlowStep:
    assert isinstance(clause, Clause)
    return step_of(clause)


def _clause_data(leaf: Any) -> dict[str, str]:
    return {"step": _step(leaf).path, "status": _status(leaf).value}


def _status(clause: Any) -> StepStatus:
    assert isinstance(clause, Clause)
    return clause.status
