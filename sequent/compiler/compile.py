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
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from eventcore.define.config import Config, StepConfig
from eventcore.define.expression import And, AtLeast, Expression, Or, as_data, rebuilt
from eventcore.define.program import Carried, Event, EventKind, Items, Loop, Picture, Place, Program, Role, Step, Tally
from eventcore.define.reference import Reference
from eventcore.define.status import StepStatus, TaskStatus
from eventcore.define.stored import function_name
from sequent.compiler.graph import FlowGraph
from sequent.language.loops import ComputedItems, StaticLoop
from sequent.language.references import ItemReference, KeyReference, body_name
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause
from sequent.language.stand_in import FlowReference, parts_of, source_of
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
    StepStatus.over: (StepStatus.over,),
}

#: the end that rules a status out
_ruled_out_by: Mapping[StepStatus, tuple[StepStatus, ...]] = {
    StepStatus.success: (StepStatus.failure,),
    StepStatus.failure: (StepStatus.success,),
}


#: how a level ends, and the statuses of it that this means
_ends: Mapping[TaskStatus, tuple[StepStatus, ...]] = {
    TaskStatus.success: (StepStatus.success, StepStatus.complete),
    TaskStatus.failure: (StepStatus.failure, StepStatus.complete),
    TaskStatus.cancelled: (),
}


def compiled(root: Container, name: str, config: Config) -> tuple[Program, tuple[str, str]]:
    """The kernel's program, and its start; raises `FlowError`s."""
    graph = FlowGraph(root, lambda step: bool(config.of_step(step.config, "stop_on_exception")))
    program = Program(name)
    compiler = _Compiler(program, graph)
    begin = program.add_root_begin(compiler.outcomes(root))
    compiler.compile_inside(root, begin)
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

    def comes(self, clause: Clause) -> Expression:
        """What says that the clause holds."""
        if isinstance(clause, LevelClause):
            return self._level_event(_level(clause), clause.status)
        if isinstance(clause, MembersClause):
            return self._members_event(clause)
        if isinstance(clause, PreviousClause):
            return self._previous_event(clause)
        return self.came(step_of(clause), clause.status)

    def cannot_come(self, clause: Clause) -> Event | None:
        """The event that says that the clause can no longer hold; None for one that holds in the end."""
        if clause.status is StepStatus.over and not isinstance(clause, MembersClause):
            return None
        if isinstance(clause, LevelClause):
            return self._level_event(_level(clause), clause.status, "never-")
        if isinstance(clause, MembersClause):
            return self._members_event(clause, "never-")
        if isinstance(clause, PreviousClause):
            return self._previous_event(clause, "never-")
        return self.never(step_of(clause), clause.status)

    def _level_event(self, level: Container, status: StepStatus, word: str = "") -> Event:
        """The event that says how everything else on a level has ended."""
        if status is StepStatus.over:
            return self.event(f"{level.path}#ended", level.path, EventKind.ended)
        return self.event(f"{level.path}#{word}ended-{status.value}", level.path)

    def _members_event(self, clause: MembersClause, word: str = "") -> Event:
        """The event of a container's own level that says how many of its members have a status."""
        container = step_of(clause)
        return self.event(f"{container.path}#{word}{_count(clause)}", container.parent.path, EventKind.members)

    def _previous_event(self, clause: PreviousClause, word: str = "") -> Event:
        """The event that says that a step in an earlier iteration reached a status, or that there is none."""
        step, loop = step_of(clause), clause.loop
        assert loop is not None
        name = f"{step.path}#{word}{clause.status.value}-{clause.previous.back}-back-{loop.depth}"
        return self.event(name, step.parent.path)

    def _carried(self, loop: FlowStep) -> tuple[Carried, ...]:
        """What is carried from iterations of the loop into later ones."""
        found = []
        for clause in self.graph.asked_of_previous(loop):
            step, status = step_of(clause), clause.status
            never: Event | None = None
            never_into: Event | None = None
            if status is not StepStatus.over and status in self.graph.never_asked_of(step):
                never, never_into = self.never(step, status), self._previous_event(clause, "never-")
            came, into = self.came(step, status), self._previous_event(clause)
            found.append(Carried(came, into, never, never_into, clause.previous.back))
        return tuple(found)

    def outcomes(self, level: Container) -> Mapping[TaskStatus, tuple[Event, ...]]:
        """What follows from the end of everything on a level but the steps that wait for it, by how it ended."""
        found = {status: list[Event]() for status in (TaskStatus.success, TaskStatus.failure, TaskStatus.cancelled)}
        for asked in self.graph.asked_of_level(level):
            for ended, meant in _ends.items():
                if asked is not StepStatus.over:
                    found[ended].append(self._level_event(level, asked, "" if asked in meant else "never-"))
        return {status: tuple(events) for status, events in found.items() if events}

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
        if self.graph.asked_of_level(container):
            self._add_end(container)

    def _add_end(self, level: Container) -> None:
        """The event that says that all steps of a level are over, but those that wait for it."""
        ended = self._level_event(level, StepStatus.over)
        overs = [self.came(step, StepStatus.over) for step in self.graph.body_of(level)]
        if len(overs) == 1:
            self.program.add_assoc(overs[0], (ended,))
            return
        all_over = self.program.add_event(f"{level.path}#all-over", overs, scope=level.path, kind=EventKind.internal)
        self.program.add_assoc(all_over, (ended,))

    def _add_body(self, step: FlowStep, begin: Event) -> None:
        """The function of a step with a loop of its own: the one child of its iterations."""
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
        inner, told = isinstance(step.parent, FlowStep), bool(self.graph.asked_of_level(step.parent))
        triggers: defaultdict[StepStatus, list[Event]] = defaultdict(list)
        for status in self.graph.asked_of(step):
            for moment in _comes_with[status]:
                triggers[moment].append(self.came(step, status))
        for status in self.graph.never_asked_of(step):
            for moment in _ruled_out_by.get(status, ()):
                triggers[moment].append(self.never(step, status))
        if inner:
            triggers[StepStatus.over].append(self.came(step, StepStatus.over))
        if (inner or told) and step.path not in self.graph.handled:
            triggers[StepStatus.failure].append(self._trouble(step.parent, scope, self.graph.stops(step)))
        void = self._void(step, begin) if step.path in self.graph.voidable else None
        surroundings = {} if step.is_container else self._surroundings(step, step.parent)
        place = Place(
            path=step.path, scope=scope, void=void, handled=self.graph.is_handled(step), picture=self._picture(step),
            result_needed=step.path in self.graph.referred and not step.is_container,
            survives=self.graph.survives(step), **surroundings,
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
            found = self.comes(single)
            assert isinstance(found, Event)
            source = found
        else:
            expr = self._at_home(step, begin, rebuilt(tree, lambda leaf: self.comes(_clause(leaf))))
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
            source = self.cannot_come(single)
        elif tree is not None and (dual := self._dual(tree)) is not None:
            expr = self._at_home(step, begin, dual)
        void = self.program.add_event(f"{step.path}#void", expr, scope=scope, kind=EventKind.void)
        if source is not None:
            self.program.add_assoc(source, (void,))
        follows = [self.never(step, status) for status in self.graph.never_asked_of(step)]
        if isinstance(step.parent, FlowStep) or StepStatus.over in self.graph.asked_of(step):
            follows.append(self.came(step, StepStatus.over))
        if step.is_container:
            follows += [self._members_event(clause, "never-") for clause in self.graph.members_asked_of(step)]
        self.program.add_assoc(void, follows)
        return void

    def _dual(self, tree: Expression) -> Expression | None:
        """What says that the tree can no longer hold: and and or exchanged; None where it holds in the end."""
        if isinstance(tree, And):
            parts = [part for one in tree.parts if (part := self._dual(one)) is not None]
            return Or(*parts) if parts else None
        if isinstance(tree, Or):
            duals = [self._dual(one) for one in tree.parts]
            return None if any(dual is None for dual in duals) else And(*duals)
        return self.cannot_come(_clause(tree))

    def _single(self, step: FlowStep, tree: Expression) -> Clause | None:
        """The one clause of the tree, where it names a sibling: an association then says it all."""
        return tree if isinstance(tree, Clause) and not self.graph.outward(step) else None

    def _at_home(self, step: FlowStep, begin: Event, expr: Any) -> Any:
        """Tie an expression that speaks of outer steps to the iterations of the step's own container."""
        return And(begin, expr) if self.graph.outward(step) else expr

    def _add_container(
        self, step: FlowStep, triggers: Mapping[StepStatus, list[Event]], place: Place, config: StepConfig
    ) -> Step:
        scope = self.program.add_scope(step.path, step.parent.path, self.outcomes(step))
        items = None if step.loop is None else self._add_items(step)
        tallies, exports = self._members(step)  # what is passed on comes before the end of the iteration
        outward = tuple(child.path for child in step.children.values() if self.graph.outward(child))
        if step.children:
            overs = tuple(self.came(child, StepStatus.over) for child in self.graph.closing_children(step))
            expr = overs if len(overs) > 1 else None
            over = self.program.add_event(f"{step.path}#over-inside", expr, scope=step.path, kind=EventKind.over)
            if expr is None:
                self.program.add_assoc(overs[0], (over,))
        loop = Loop(scope, items, step.concurrent, outward, tallies, exports, self._carried(step))
        return self._add_step(step.path, step, triggers, place, config, Role.container, loop)

    def _members(self, container: FlowStep) -> tuple[tuple[Tally, ...], Mapping[str, Event]]:
        """What is to be told of how many iterations end how; or, without a loop, of how many steps do."""
        tallies, exports = list[Tally](), dict[str, Event]()
        for clause in self.graph.members_asked_of(container):
            came, never = self._members_event(clause), self._members_event(clause, "never-")
            if container.loop is not None:
                tallies.append(Tally(clause.status, clause.least, came, never))
                continue
            count = len(container.children) if clause.least is None else clause.least
            children = list(container.children.values())
            overs = [self.came(child, clause.status) for child in children]
            exports[self._inside(container, clause, "", AtLeast(count, *overs)).name] = came
            if clause.status is not StepStatus.over:
                nevers = [self.never(child, clause.status) for child in children]
                missing = AtLeast(len(children) - count + 1, *nevers)
                exports[self._inside(container, clause, "never-", missing).name] = never
        return tuple(tallies), exports

    def _inside(self, container: FlowStep, clause: MembersClause, word: str, expr: Expression) -> Event:
        """An event inside a container that is passed on to the container's own level."""
        name = f"{container.path}#inside-{word}{_count(clause)}"
        return self.program.add_event(name, expr, scope=container.path, kind=EventKind.export)

    def _add_items(self, step: FlowStep) -> str:
        """The step that computes the container's items; the container has it reached when it starts."""
        scope, name = step.parent.path, f"{step.path}#items"
        over = self.event(f"{step.path}#items-over", scope, EventKind.items)
        config = self._config_of(step, False)
        known: Items | None = None
        func: ComputedItems | None = None
        args: tuple[Any, ...] = ()
        surroundings: dict[str, Any] = {}
        if isinstance(step.loop, StaticLoop):
            known = step.loop.items
        elif isinstance(step.loop, Reference):
            config = msgspec.structs.replace(config, task_construct="invoke", timeout=None)
            func, args = ComputedItems(None), (step.loop,)
        else:
            func, surroundings = ComputedItems(step.loop), self._surroundings(step, step.parent)
        self.program.add_step(
            name, func, args, {}, {StepStatus.complete: (over,)}, (), None, step.recovery, config,
            Place(path=step.path, scope=scope, void=over, handled=True, result_needed=True, **surroundings), Role.items,
            items=known,
        )  # fmt: skip
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
        tree = self.graph.requirement(step)
        require = None if tree is None else as_data(tree, _clause_data)
        if step.loop is None:
            return Picture(concurrent=step.concurrent, delay=step.delay, require=require)
        if isinstance(step.loop, StaticLoop):
            return Picture("items", step.loop.items.size, None, step.concurrent, step.delay, require)
        if isinstance(step.loop, FlowReference):
            source = source_of(step.loop)
            kind: Literal["result", "item"] = "item" if isinstance(source, ItemReference) else "result"
            shown = repr(source).removesuffix(f".{kind}") + parts_of(step.loop)
            return Picture(kind, None, shown, step.concurrent, step.delay, require)
        function = (function_name(step.loop) or "?").rpartition(":")[2]
        return Picture("function", None, function, step.concurrent, step.delay, require)

    def _config_of(self, step: FlowStep, stops_the_run: bool) -> StepConfig:
        config = step.config
        if step.is_container and step.children:
            config = msgspec.structs.replace(config, max_concurrent=None)
        if stops_the_run == self.graph.stops(step):
            return config
        return msgspec.structs.replace(config, stop_on_exception=stops_the_run)

    def _surroundings(self, step: FlowStep, inside: Container) -> dict[str, Any]:
        """What a step can know of the nearest loop around it."""
        around = [inside, *(inside.containers if isinstance(inside, FlowStep) else [])]
        for container in around:
            if isinstance(container, FlowStep) and container.loop is not None:
                item = ItemReference(container)
                return {"extras": {"item": item, "key": KeyReference(container)}, "environment": {"LOOP_VALUE": item}}
        return {}


def _clause(leaf: Any) -> Clause:
    assert isinstance(leaf, Clause)
    return leaf


def _level(clause: LevelClause) -> Container:
    assert isinstance(clause.step, Container)
    return clause.step


def _count(clause: MembersClause) -> str:
    """The number and the status of a clause on members, as part of a name."""
    return f"{'all' if clause.least is None else clause.least}-{clause.status.value}"


def _clause_data(leaf: Any) -> dict[str, Any]:
    """A clause as pictures and explanations read it: see `eventcore.define.stored.Tree`."""
    clause, status = _clause(leaf), _clause(leaf).status.value
    if isinstance(clause, LevelClause):
        return {"rest": _level(clause).path, "status": status, "of": [step.path for step in clause.body]}
    if isinstance(clause, MembersClause):
        return {"members": step_of(clause).path, "status": status, "least": clause.least}
    if isinstance(clause, PreviousClause) and clause.loop is not None:
        back = clause.previous.back
        return {"step": step_of(clause).path, "status": status, "back": back, "loop": clause.loop.path}
    return {"step": step_of(clause).path, "status": status}
