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
from typing import Any

from msgspec.structs import replace

from eventcore.define.config import OF_ITS_OWN, Config, StepConfig
from eventcore.define.event import Event, EventKind
from eventcore.define.expression import And, AtLeast, Expression, rebuilt
from eventcore.define.program import Choice, Earlier, OwnEvent, Place, Program, Role, Step
from eventcore.define.reference import Reference
from eventcore.define.scopes import Items, Loop, Tally
from eventcore.define.status import StepStatus
from sequent.compiler.earlier import earlier_in
from sequent.compiler.events import Events, clause_of, count_of
from sequent.compiler.graph import FlowGraph
from sequent.compiler.pictures import picture_of
from sequent.language.asking import Asking
from sequent.language.container import Container
from sequent.language.loops import ComputedItems, StaticLoop
from sequent.language.open_loops import Stream, Until, pulling
from sequent.language.references import ItemReference, KeyReference, RecordedCount, body_name
from sequent.language.require import Clause, MembersClause
from sequent.language.step import FlowStep

ROOT_SEQUENCE = "1"
_STATUSES = tuple(StepStatus)

#: the moments at which a status is certain to have come; a skip in recovery raises success alone
_comes_with: Mapping[StepStatus, tuple[StepStatus, ...]] = {
    StepStatus.ready: (StepStatus.ready, StepStatus.success),
    StepStatus.active: (StepStatus.active, StepStatus.success),
    StepStatus.success: (StepStatus.success,),
    StepStatus.failure: (StepStatus.failure,),
    StepStatus.complete: (StepStatus.complete,),
    StepStatus.over: (StepStatus.over,),
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
    compiler = _Compiler(program, graph)
    begin = program.add_root_begin(compiler.events.outcomes(root))
    compiler.compile_inside(root, begin)
    return program, (begin.name, ROOT_SEQUENCE)


class _Compiler:
    def __init__(self, program: Program, graph: FlowGraph) -> None:
        self.program = program
        self.graph = graph
        self.events = Events(program, graph)

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
        if self.graph.asked_of_level(container):
            self._add_end(container)

    def _add_end(self, level: Container) -> None:
        """The event that says that all steps of a level are over, but those that wait for it."""
        ended = self.events.level_event(level, StepStatus.over)
        overs = [self.events.came(step, StepStatus.over) for step in self.graph.body_of(level)]
        if len(overs) == 1:
            self.program.add_assoc(overs[0], (ended,))
            return
        all_over = self.program.add_event(f"{level.path}#all-over", overs, scope=level.path, kind=EventKind.internal)
        self.program.add_assoc(all_over, (ended,))

    def _add_body(self, step: FlowStep, begin: Event) -> None:
        """The function of a step with a loop of its own: the one child of its iterations."""
        if isinstance(step.loop, Until):
            over = self.events.event(f"{step.path}#body-over", step.path)
            self._close(step, (over,))
        else:
            over = self.events.event(f"{step.path}#over-inside", step.path, EventKind.over)
        trouble = self._trouble(step, step.path, self.graph.stops(step))
        body = self._add_step(
            body_name(step.path), step,
            {StepStatus.complete: [over], StepStatus.failure: [trouble]},
            Place(
                path=step.path, scope=step.path, void=over, handled=self.graph.is_handled(step),
                result_needed=step.path in self.graph.referred, earlier=self._earlier(step, step.args, step.kwargs),
                **self._surroundings(step, step),
            ),
            replace(self._config_of(step, self.graph.ends_the_run(step)), deadline=None), Role.body,
        )  # fmt: skip
        self.program.add_assoc(begin, (body,))

    def _add_child(self, step: FlowStep, begin: Event) -> None:
        scope = step.parent.path
        inner, told = isinstance(step.parent, FlowStep), bool(self.graph.asked_of_level(step.parent))
        triggers: defaultdict[StepStatus, list[Event]] = defaultdict(list)
        for status in self.graph.asked_of(step):
            for moment in _comes_with[status]:
                triggers[moment].append(self.events.came(step, status))
        for status in self.graph.never_asked_of(step):
            for moment in _ruled_out_by.get(status, ()):
                triggers[moment].append(self.events.never(step, status))
        if inner:
            triggers[StepStatus.over].append(self.events.came(step, StepStatus.over))
        if (inner or told) and step.path not in self.graph.handled:
            triggers[StepStatus.failure].append(self._trouble(step.parent, scope, self.graph.stops(step)))
        own = []
        for event in step.events.values():
            missed = self.events.cannot_come(event) if step.path in self.graph.voidable else None
            own.append(OwnEvent(event.name, self.events.own(event), missed))
            if missed is not None:
                triggers[StepStatus.over].append(missed)
        void = self._void(step, begin) if step.path in self.graph.voidable else None
        surroundings = {} if step.is_container else self._surroundings(step, step.parent)
        earlier = self._earlier(step, step.around if step.is_container else (step.args, step.kwargs))
        place = Place(
            path=step.path, scope=scope, void=void, handled=self.graph.is_handled(step),
            picture=picture_of(step, self.graph, self.events),
            own=tuple(own), result_needed=step.path in self.graph.referred and not step.is_container,
            survives=self.graph.survives(step), must_run=self.graph.must_run(step), earlier=earlier, **surroundings,
        )  # fmt: skip
        config = self._config_of(step, self.graph.ends_the_run(step))
        if step.is_container:
            kernel_step = self._add_container(step, triggers, place, config)
        else:
            role = Role.action if step.wait is None else Role.wait
            kernel_step = self._add_step(step.path, step, triggers, place, config, role)
        self._connect(step, begin, kernel_step)

    def _trouble(self, container: Container, scope: str, stops: bool) -> Event:
        """The event that an unhandled failure triggers in the iteration around it."""
        kind = EventKind.broken if stops else EventKind.flawed
        return self.events.event(f"{container.path}#{kind}", scope, kind)

    def _connect(self, step: FlowStep, begin: Event, target: Step) -> None:
        """Have the step start when its requirement holds, or then its condition be evaluated."""
        tree, delay = self.graph.requirement(step), step.delay
        if step.when is not None:
            target, delay = self._add_condition(step, target), 0.0
        if tree is None:
            source = begin
        elif (single := self._single(step, tree)) is not None:
            found = self.events.comes(single)
            assert isinstance(found, Event)
            source = found
        else:
            expr = self._at_home(step, begin, rebuilt(tree, lambda leaf: self.events.comes(clause_of(leaf))))
            source = self.program.add_event(
                f"{step.path}#require", expr, scope=step.parent.path, kind=EventKind.internal
            )
        self.program.add_assoc(source, (target,), delay)

    def _add_condition(self, step: FlowStep, guarded: Step) -> Step:
        """The hidden step that decides whether the step runs."""
        scope, name = step.parent.path, f"{step.path}#when"
        holds = self.events.event(f"{step.path}#holds", scope, EventKind.choice)
        fails = self.events.event(f"{step.path}#fails", scope, EventKind.choice)
        gone = self.events.event(f"{name}-over", scope, EventKind.internal)
        self.program.add_assoc(holds, (guarded,), step.delay)
        if guarded.place.void is not None:
            self.program.add_assoc(fails, (guarded.place.void,))
            self.program.add_assoc(gone, (guarded.place.void,))
        config = replace(self._config_of(step, False), **OF_ITS_OWN)
        args: tuple[Any, ...] = ()
        surroundings: dict[str, Any] = {}
        if isinstance(step.when, Reference):
            config = replace(config, task_construct="invoke", timeout=None)
            func, args = Asking(None), (step.when,)
        else:
            func, surroundings = Asking(step.when), self._surroundings(step, step.parent)
        place = Place(
            path=step.path, scope=scope, void=gone, handled=True, survives=guarded.place.survives,
            earlier=self._earlier(step, step.when), **surroundings,
        )  # fmt: skip
        return self.program.add_step(
            name, func, args, {}, {}, (), None, step.recovery, config, place, Role.condition,
            choice=Choice(guarded.name, holds, fails),
        )  # fmt: skip

    def _void(self, step: FlowStep, begin: Event) -> Event:
        """The event that says that the step will not run, and what follows from it."""
        scope = step.parent.path
        tree = self.graph.requirement(step)
        expr = source = None
        if tree is not None and (single := self._single(step, tree)) is not None:
            source = self.events.cannot_come(single)
        elif tree is not None and (dual := self.events.dual(tree)) is not None:
            expr = self._at_home(step, begin, dual)
        void = self.program.add_event(f"{step.path}#void", expr, scope=scope, kind=EventKind.void)
        if source is not None:
            self.program.add_assoc(source, (void,))
        follows = [self.events.never(step, status) for status in self.graph.never_asked_of(step)]
        follows += [missed for event in step.events.values() if (missed := self.events.cannot_come(event)) is not None]
        if isinstance(step.parent, FlowStep) or StepStatus.over in self.graph.asked_of(step):
            follows.append(self.events.came(step, StepStatus.over))
        if step.is_container:
            follows += self.events.unwalked(step)
        self.program.add_assoc(void, follows)
        return void

    def _single(self, step: FlowStep, tree: Expression) -> Clause | None:
        """The one clause of the tree, where it names a sibling: an association then says it all."""
        return tree if isinstance(tree, Clause) and not self.graph.outward(step) else None

    def _at_home(self, step: FlowStep, begin: Event, expr: Any) -> Any:
        """Tie an expression that speaks of outer steps to the iterations of the step's own container."""
        return And(begin, expr) if self.graph.outward(step) else expr

    def _add_container(
        self, step: FlowStep, triggers: Mapping[StepStatus, list[Event]], place: Place, config: StepConfig
    ) -> Step:
        scope = self.program.add_scope(step.path, step.parent.path, self.events.outcomes(step))
        items = None if step.loop is None or isinstance(step.loop, Until) else self._add_items(step)
        tallies, exports = self._members(step)  # what is passed on comes before the end of the iteration
        outward = tuple(
            child.path for child in step.children.values() if self.graph.outward(child) or self.graph.must_run(child)
        )
        if step.children:
            overs = tuple(self.events.came(child, StepStatus.over) for child in self.graph.closing_children(step))
            self._close(step, overs, counts=bool(exports))
        setup, teardown = (self._add_around(step, role) for role in (Role.setup, Role.teardown))
        until, limit = (f"{step.path}#until", step.loop.limit) if isinstance(step.loop, Until) else (None, 1)
        loop = Loop(
            scope, items, step.concurrent, outward, setup, teardown, isinstance(step.loop, Stream), until, limit,
            tallies, exports, self.events.carried(step), self.events.unwalked(step),
        )  # fmt: skip
        return self._add_step(step.path, step, triggers, place, config, Role.container, loop)

    def _close(self, step: FlowStep, overs: tuple[Event, ...], *, counts: bool = False) -> None:
        """Have the container's iteration be over when all of these have come, and its condition has been asked."""
        if isinstance(step.loop, Until):
            asks = self._all_of(f"{step.path}#asks", overs, EventKind.internal)
            overs = (*overs, self._add_until(step, asks))
        # an association would be followed before what counts the steps
        self._all_of(f"{step.path}#over-inside", overs, EventKind.over, as_expression=counts)

    def _all_of(self, name: str, events: tuple[Event, ...], kind: EventKind, *, as_expression: bool = False) -> Event:
        """An event in the scope of these that comes when all of them have."""
        expr = events if len(events) > 1 or as_expression else None
        found = self.program.add_event(name, expr, scope=events[0].scope, kind=kind)
        if expr is None:
            self.program.add_assoc(events[0], (found,))
        return found

    def _add_until(self, step: FlowStep, asks: Event) -> Event:
        """The step that asks whether the loop is to end; the event says that it has, or will not."""
        over = self.events.event(f"{step.path}#until-over", step.path)
        trouble = self._trouble(step, step.path, self.graph.stops(step))
        config = replace(self._config_of(step, self.graph.ends_the_run(step)), **OF_ITS_OWN)
        args: tuple[Any, ...] = ()
        function = None if isinstance(step.until, Reference) else step.until
        if isinstance(step.until, Reference):
            config, args = replace(config, task_construct="invoke", timeout=None), (step.until,)
        place = Place(
            path=step.path, scope=step.path, void=over, handled=self.graph.is_handled(step),
            earlier=self._earlier(step, step.until), **self._surroundings(step, step),
        )  # fmt: skip
        asking = self.program.add_step(
            f"{step.path}#until", Asking(function), args, {},
            {StepStatus.failure: (trouble,), StepStatus.complete: (over,)}, (), None, step.recovery, config, place,
            Role.until,
        )  # fmt: skip
        self.program.add_assoc(asks, (asking,))
        return over

    def _members(self, container: FlowStep) -> tuple[tuple[Tally, ...], Mapping[str, Event]]:
        """What is to be told of how many iterations end how; or, without a loop, of how many steps do."""
        tallies, exports = list[Tally](), dict[str, Event]()
        for clause in self.graph.members_asked_of(container):
            came, never = self.events.members_event(clause), self.events.members_event(clause, "never-")
            if container.loop is not None:
                tallies.append(Tally(clause.status, clause.least, came, never))
                continue
            count = len(container.children) if clause.least is None else clause.least
            children = list(container.children.values())
            overs = [self.events.came(child, clause.status) for child in children]
            exports[self._inside(container, clause, "", AtLeast(count, *overs)).name] = came
            if clause.status is not StepStatus.over:
                nevers = [self.events.never(child, clause.status) for child in children]
                missing = AtLeast(len(children) - count + 1, *nevers)
                exports[self._inside(container, clause, "never-", missing).name] = never
        return tuple(tallies), exports

    def _inside(self, container: FlowStep, clause: MembersClause, word: str, expr: Expression) -> Event:
        """An event inside a container that is passed on to the container's own level."""
        name = f"{container.path}#inside-{word}{count_of(clause)}"
        return self.program.add_event(name, expr, scope=container.path, kind=EventKind.export)

    def _add_items(self, step: FlowStep) -> str:
        """The step that computes the container's items; the container has it reached when it starts."""
        scope, name = step.parent.path, f"{step.path}#items"
        over = self.events.event(f"{step.path}#items-over", scope, EventKind.items)
        config = replace(self._config_of(step, False), deadline=None)
        known: Items | None = None
        func: Callable[..., Any] | None = None
        args: tuple[Any, ...] = ()
        surroundings: dict[str, Any] = {}
        role = Role.items
        if isinstance(step.loop, StaticLoop):
            known = step.loop.items
        elif isinstance(step.loop, Stream):
            func, construct = pulling(step.loop)
            config, role = replace(config, task_construct=construct, timeout=None), Role.stream
            args, surroundings = (RecordedCount(step),), self._surroundings(step, step.parent)
        elif isinstance(step.loop, Reference):
            config = replace(config, task_construct="invoke", timeout=None)
            func, args = ComputedItems(None), (step.loop,)
        else:
            func, surroundings = ComputedItems(step.loop), self._surroundings(step, step.parent)
        self.program.add_step(
            name, func, args, {}, {StepStatus.complete: (over,)}, (), None, step.recovery, config,
            Place(path=step.path, scope=scope, void=over, handled=True, result_needed=True,
                  survives=self.graph.survives(step), earlier=self._earlier(step, step.loop), **surroundings), role,
            items=known,
        )  # fmt: skip
        return name

    def _add_around(self, step: FlowStep, role: Role) -> str | None:
        """The step that sets the container up, or tears it down; None where it has none."""
        call = step.around.get(role.value)
        if call is None:
            return None
        scope, name = step.parent.path, f"{step.path}#{role.value}"
        over = self.events.event(f"{name}-over", scope, EventKind.around)
        place = Place(
            path=step.path, scope=scope, void=over, handled=True,
            survives=role is Role.teardown or self.graph.survives(step),
            **self._surroundings(step, step.parent),
        )  # fmt: skip
        config = replace(self._config_of(step, False), **OF_ITS_OWN)
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
            step.recovery, config, place, role, loop, wait=step.wait,
        )  # fmt: skip

    def _config_of(self, step: FlowStep, stops_the_run: bool) -> StepConfig:
        config = step.config
        if step.is_container and step.children:
            config = replace(config, max_concurrent=None)
        if stops_the_run == self.graph.stops(step):
            return config
        return replace(config, stop_on_exception=stops_the_run)

    def _earlier(self, step: FlowStep, *written: object) -> tuple[Earlier, ...]:
        """Whose results of earlier iterations are taken by what is written for the step."""
        return earlier_in(written) if self.graph.reads_earlier(step) else ()

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
