"""Indexes over a program, so that decisions find what follows from what without searching."""

from collections.abc import Iterator

from eventcore.decide.gates import Shape
from eventcore.define.config import Config
from eventcore.define.event import Event, EventKind
from eventcore.define.program import Association, Program, Role, Step
from eventcore.define.scopes import Carried, Loop
from eventcore.uncollected import uncollected


class Plan:
    """Indexes over a program; they do not change while an engine runs it."""

    @uncollected()
    def __init__(self, program: Program, config: Config) -> None:
        self.config = config
        self.events = dict(program.events)
        self.steps = dict(program.steps)
        self.associations = dict(program.associations)
        self.pools = dict(program.pools)
        self.scopes = dict(program.scopes)
        self.ruled_out = dict(program.ruled_out)
        self.has_scopes = len(self.scopes) > 1  #: iterations then end, and leave memory, by themselves
        self.has_survivors = any(step.place.survives for step in program.steps.values())
        self.followers: dict[str, list[Association]] = {}
        for association in program.associations.values():
            self.followers.setdefault(association.event.name, []).append(association)
        self.shapes: dict[str, Shape] = {}
        self.dependents: dict[str, list[Event]] = {}
        for event in program.events.values():
            if event.expr is not None:
                self.shapes[event.name] = Shape(event.expr, event.scope)
                for atom in program.atoms(event):
                    self.dependents.setdefault(atom.name, []).append(event)
        self.carried_from: dict[str, list[tuple[Step, Carried]]] = {}  #: by the event that is carried, the loops
        self.carried_into: dict[str, list[tuple[Step, Carried]]] = {}  #: by the scope that it is carried into
        self.members: dict[str, list[Step]] = {}  #: the steps of each scope
        self.container_of: dict[str, Step] = {}  #: whose iterations a scope has
        self.voided: dict[str, str] = {}  #: the step that will not run, by the event that says so
        self.conditions: dict[str, str] = {}  #: the condition of a step, by the step's name
        self.emitters: dict[str, str] = {}  #: the step that may emit an event, by the event
        self.missed: dict[str, str] = {}  #: the event that can no longer come, by the event that says so
        self.steps_served: dict[str, Step] = {}  #: the container, by the name of the step that serves it
        self.served: dict[str, Step] = {}  #: the container, by the event of its items, setup or teardown
        for step in program.steps.values():
            self.members.setdefault(step.place.scope, []).append(step)
            if step.place.void is not None and step.place.void.kind is EventKind.void:
                self.voided[step.place.void.name] = step.name
            if step.choice is not None:
                self.conditions[step.choice.step] = step.name
            for own in step.place.own:
                self.emitters[own.event.name] = step.name
                if own.missed is not None:
                    self.missed[own.missed.name] = own.event.name
            if step.loop is not None:
                self._index_loop(step, step.loop)
        self.has_streams = any(step.role is Role.stream for step in program.steps.values())

    def _index_loop(self, step: Step, loop: Loop) -> None:
        self.container_of[loop.scope.name] = step
        for one in loop.carried:
            self.carried_into.setdefault(one.came.scope, []).append((step, one))
            self.carried_into.setdefault(loop.scope.name, [])
            for carried in (one.came, one.never):
                if carried is not None:
                    self.carried_from.setdefault(carried.name, []).append((step, one))
        for name in (loop.items, loop.setup, loop.teardown):
            serving = self.steps.get(name or "")
            if serving is not None:
                self.steps_served[serving.name] = step
            if serving is not None and serving.place.void is not None:
                self.served[serving.place.void.name] = step

    def is_public(self, event: str) -> bool:
        """Whether the program has an event of this name that users may trigger."""
        known = self.events.get(event)
        return known is not None and known.kind is EventKind.public

    def depth(self, scope: str) -> int:
        """How many keys the sequences have at which the scope's container is reached."""
        parent = self.scopes[scope].parent
        return 0 if parent is None else 1 + self.depth(parent)

    def inside(self, container: Step) -> Iterator[Step]:
        """The steps in a container's scope and in the scopes below; none for a step that is no container."""
        if container.loop is not None:
            for step in self.members.get(container.loop.scope.name, ()):
                yield step
                yield from self.inside(step)
