"""The program: the events, steps and associations that a user declares, checked as they are declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from eventcore.define.config import StepConfig
from eventcore.define.event import Event, EventKind
from eventcore.define.expression import DEEPEST, Expression, leaves, normalized
from eventcore.define.pools import ResourcePool, Units, as_units
from eventcore.define.reference import Reference
from eventcore.define.replay import as_replays
from eventcore.define.scopes import Items, Loop, Outcomes, Scope
from eventcore.define.sequence import is_name
from eventcore.define.status import StepReplay, StepStatus
from eventcore.errors import ProgramError

DEFAULT_REPLAY: Mapping[StepStatus, StepReplay] = {
    StepStatus.ready: StepReplay.rerun,
    StepStatus.active: StepReplay.rerun,
    StepStatus.failure: StepReplay.rerun,
    StepStatus.success: StepReplay.skip,
}


class Role(StrEnum):
    """What a step is in its program."""

    action = "action"  #: a function, or a point that is passed
    container = "container"  #: it walks the iterations of a scope of its own
    items = "items"  #: it computes the items of a container's loop
    stream = "stream"  #: it hands over the items of a container's loop one by one, as they are asked for
    condition = "condition"  #: it decides whether another step of its scope runs
    body = "body"  #: the function of a step with a loop of its own
    wait = "wait"  #: it has no function, and ends with a signal
    until = "until"  #: it asks whether a loop is to end, in each iteration
    setup = "setup"  #: it runs before the first iteration of a container
    teardown = "teardown"  #: it runs after the last one, whatever happened

    @property
    def is_hidden(self) -> bool:
        """Whether such steps are there for the sake of another step, and shown only to those who ask."""
        return self in _HIDDEN

    @property
    def part(self) -> str:
        """What part of its container such a step is, where that has a log of its own; else empty."""
        return self.value if self in _PARTS else ""


COMPUTING = (Role.items, Role.stream)  #: the roles of steps that compute the items of loops
_PARTS = (Role.until, Role.setup, Role.teardown)
_HIDDEN = frozenset((*COMPUTING, *_PARTS, Role.condition))


class Wait(msgspec.Struct, frozen=True):
    """What a wait does when its signal does not come."""

    timeout: float | None = None  #: seconds; None waits for ever
    has_default: bool = False  #: it then succeeds with the default, and fails otherwise
    default: str | None = None  #: as tagged JSON; None for None


class Choice(msgspec.Struct, frozen=True):
    """What a condition decides."""

    step: str  #: the name of the step that runs where it holds
    holds: Event
    fails: Event


class Picture(msgspec.Struct, frozen=True):
    """What pictures show of a step as its user wrote it, as far as the kernel's own terms do not tell."""

    #: `items` known beforehand, the `result` of a step, the `item` of a loop around it, a `function`, a `stream`,
    #: or iterations `until` a condition holds
    loop: Literal["items", "result", "item", "function", "stream", "until"] | None = None
    size: int | None = None  #: how many items, where that is known beforehand
    source: str | None = None  #: the step or the function that gives the items
    concurrent: int = 1
    delay: float = 0.0
    require: Any = None  #: see `eventcore.define.tree`
    when: str | None = None  #: the condition, as users read it
    limit: int | None = None  #: how many iterations there are at most, where that is all that is known
    setup: str | None = None  #: the function that runs before the first iteration
    teardown: str | None = None  #: the function that runs after the last one


class OwnEvent(msgspec.Struct, frozen=True):
    """An event that a step may emit while it runs."""

    name: str  #: as its function names it
    event: Event  #: in the step's scope
    missed: Event | None = None  #: triggered when it can no longer come, where something asks for that


class Earlier(msgspec.Struct, frozen=True):
    """A step whose results of earlier iterations another one takes."""

    step: str  #: the kernel's name
    scope: str  #: whose iterations they are
    back: int | None  #: how many iterations before; None for all before


class Place(msgspec.Struct, frozen=True):
    """Where a step stands in a layer above the kernel; raw programs leave it as it is."""

    path: str = ""  #: the name that users see, the step's own where empty
    scope: str = ""
    void: Event | None = None  #: triggered when it becomes certain that the step will not run
    must_run: bool = False  #: it fails then, instead
    handled: bool | None = None  #: whether a failure is handled; None asks the step's triggers
    survives: bool = False  #: it starts even where its iteration is halted, or a failure has stopped the run
    result_needed: bool = False  #: something refers to its result: one that cannot be stored fails it
    extras: Mapping[str, Reference] = {}  #: what `current()` shows besides, by name
    environment: Mapping[str, Reference] = {}  #: more variables; references out of `extras`
    picture: Picture | None = None
    own: tuple[OwnEvent, ...] = ()  #: the events that it may emit
    earlier: tuple[Earlier, ...] = ()  #: what it takes of earlier iterations, without requiring it


class Step(msgspec.Struct, frozen=True, eq=False):
    """A named piece of work; made by `add_step`."""

    name: str
    func: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    triggers: Mapping[StepStatus, tuple[Event, ...]]
    acquires: Units
    releases: Units
    replay: Mapping[StepStatus, StepReplay]
    config: StepConfig
    place: Place = Place()
    role: Role = Role.action
    loop: Loop | None = None  #: of a container
    items: Items | None = None  #: of a step that hands over what is known beforehand
    choice: Choice | None = None  #: of a condition
    wait: Wait | None = None  #: of a wait
    path: str = ""  #: the name that users see
    handles_failure: bool = False  #: whether something in the program handles its failure
    is_container: bool = False
    is_hidden: bool = False  #: there for the sake of another step, and shown only to those who ask

    def __post_init__(self) -> None:
        handled = self.place.handled
        if handled is None:
            handled = bool(self.triggers.get(StepStatus.failure) or self.triggers.get(StepStatus.complete))
        for name, value in (
            ("path", self.place.path or self.name),
            ("handles_failure", handled),
            ("is_container", self.role is Role.container),
            ("is_hidden", self.role.is_hidden),
        ):
            msgspec.structs.force_setattr(self, name, value)

    def __repr__(self) -> str:
        return f"Step({self.name!r})"


AssociationKey = tuple[str, Literal["event", "step"], str]


class Association(msgspec.Struct, frozen=True):
    """From an event to an event or a step, at the same sequence, after `delay` seconds."""

    event: Event
    target: Event | Step
    delay: float = 0.0

    @property
    def key(self) -> AssociationKey:
        """Its identity in the store: its event, and the kind and the name of its target."""
        return self.event.name, "event" if isinstance(self.target, Event) else "step", self.target.name

    @property
    def survives(self) -> bool:
        """Whether it leads to a step that starts even where its iteration is halted."""
        return isinstance(self.target, Step) and self.target.place.survives


class Program:
    """All definitions of one program, in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scopes: dict[str, Scope] = {"": Scope("")}
        self.events: dict[str, Event] = {}
        self.steps: dict[str, Step] = {}
        self.associations: dict[AssociationKey, Association] = {}
        self.pools: dict[str, ResourcePool] = {}
        #: events that are not triggered any more where another one is, whose name is the value
        self.ruled_out: dict[str, str] = {}

    def add_root_begin(self, outcomes: Outcomes = {}) -> Event:
        """The event with which the root scope begins; programs of raw events begin with events of their own."""
        begin = self.add_event("#begin", kind=EventKind.internal)
        self.scopes[""] = Scope("", None, begin, outcomes)
        return begin

    def add_scope(self, name: str, parent: str, outcomes: Outcomes = {}) -> Scope:
        """Declare a scope inside another; its container is a step of the outer one."""
        begin = self.add_event(f"{name}#begin", scope=name, kind=EventKind.internal)
        scope = self.scopes[name] = Scope(name, parent, begin, outcomes)
        return scope

    def add_event(self, name: str, expr: Any = None, *, scope: str = "", kind: EventKind = EventKind.public) -> Event:
        """Declare an event; with `expr`, it is triggered wherever the expression holds."""
        self._check_name("event", name, self.events)
        # layers above tie the expressions of their users to events of their own, which may take two levels
        tree = None if expr is None else normalized(expr, self._event_leaf, f"event {name!r}", DEEPEST + 2)
        event = self.events[name] = Event(name, tree, scope, kind)
        return event

    def add_step(
        self,
        name: str,
        func: Callable[..., Any] | None,
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
        triggers: Mapping[Any, Any],
        acquires: Iterable[Any],
        releases: Iterable[Any] | None,
        recovery: Mapping[Any, Any],
        config: StepConfig,
        place: Place = Place(),
        role: Role = Role.action,
        loop: Loop | None = None,
        items: Items | None = None,
        choice: Choice | None = None,
        wait: Wait | None = None,
    ) -> Step:
        """Declare a step; raises `ProgramError` if it could not run as written."""
        self._check_name("step", name, self.steps)
        check_call(name, func, args, kwargs)
        takes = as_units(acquires, name, "acquires")
        gives = takes if releases is None else as_units(releases, name, "releases")
        for pool, _ in (*takes, *gives):
            if self.pools.setdefault(pool.name, pool) is not pool:
                raise ProgramError(
                    f"step {name!r}: another pool is already named {pool.name!r}; use the same ResourcePool object"
                )
        step = self.steps[name] = Step(
            name, func, tuple(args), dict(kwargs), self._triggers(name, triggers), takes, gives,
            replay_policy(name, recovery), config, place, role, loop, items, choice, wait,
        )  # fmt: skip
        return step

    def add_assoc(self, event: Event, targets: Iterable[Any], delay: float = 0) -> None:
        """Connect an event to the events and steps that follow from it."""
        self._own_event(event, "add_assoc")
        if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not 0 <= delay < float("inf"):
            raise ProgramError(
                f"association of {event.name!r}: delay must be a number of seconds, 0 or more, not {delay!r}"
            )
        for target in targets:
            if isinstance(target, Event):
                self._own_event(target, f"association of {event.name!r}")
            elif not isinstance(target, Step) or self.steps.get(target.name) is not target:
                raise ProgramError(f"association of {event.name!r}: {target!r} is not an event or step of this program")
            association = Association(event, target, float(delay))
            before = self.associations.setdefault(association.key, association)
            if before.delay != association.delay:
                raise ProgramError(
                    f"association of {event.name!r} with {target.name!r} already exists, with delay "
                    f"{before.delay:g}; give one delay"
                )

    def recorded(self, triggers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the triggers (event, sequence) that are of this program's events and recorded as facts."""
        public = {name for name, event in self.events.items() if event.kind is EventKind.public}
        return [(name, at) for name, at in triggers if name in public]

    def event_named(self, event: Event | str, where: str) -> Event:
        """The event itself, for an event or its name; raises `ProgramError` if this program does not have it."""
        if not isinstance(event, str):
            return self._own_event(event, where)
        if event not in self.events:
            raise ProgramError(f"{where}: the program has no event {event!r}; declare it with add_event")
        return self.events[event]

    def _event_leaf(self, written: Any) -> Expression | None:
        if not isinstance(written, Event):
            return None
        return self._own_event(written, "expression")

    def _own_event(self, event: Any, where: str) -> Event:
        if not isinstance(event, Event):
            raise ProgramError(f"{where}: {event!r} is not an event; use what add_event returned")
        if self.events.get(event.name) is not event:
            raise ProgramError(f"{where}: event {event.name!r} belongs to another program; add it to this one")
        return event

    def _triggers(self, step: str, written: Mapping[Any, Any]) -> Mapping[StepStatus, tuple[Event, ...]]:
        found: dict[StepStatus, tuple[Event, ...]] = {}
        if not isinstance(written, Mapping):
            raise ProgramError(f"step {step!r}: triggers must be a mapping from StepStatus to events, not {written!r}")
        for status, events in written.items():
            if not isinstance(status, StepStatus):
                raise ProgramError(f"step {step!r}: triggers must be keyed by StepStatus, not {status!r}")
            if not isinstance(events, (Event, Iterable)):
                raise ProgramError(f"step {step!r}, trigger {status.value}: give a tuple of events, not {events!r}")
            group = (events,) if isinstance(events, Event) else tuple(events)
            if not all(type(event) is Event and self.events.get(event.name) is event for event in group):
                for event in group:
                    self._own_event(event, f"step {step!r}, trigger {status.value}")
            found[status] = group
        return found

    @staticmethod
    def _check_name(kind: str, name: Any, taken: Mapping[str, Any]) -> None:
        if not is_name(name):
            raise ProgramError(f"{kind} name {name!r}: a name must be non-empty text without NUL or lone surrogates")
        if name in taken:
            raise ProgramError(
                f"{kind} {name!r} is already defined; names must be unique in a program, so choose another"
            )

    def atoms(self, event: Event) -> list[Event]:
        """The events that an event's expression refers to, each once."""
        if event.expr is None:
            return []
        return list({id(leaf): leaf for leaf in leaves(event.expr) if isinstance(leaf, Event)}.values())


def check_call(step: str, func: Any, args: Any, kwargs: Any) -> None:
    """Raise `ProgramError` for a function, arguments or keywords that could not be called."""
    if func is not None and not callable(func):
        raise ProgramError(f"step {step!r}: func must be callable or None, not {func!r}")
    if type(args) is not tuple and (isinstance(args, (str, bytes, Reference)) or not isinstance(args, Iterable)):
        raise ProgramError(f"step {step!r}: args must be a tuple of arguments, not {args!r}; write ({args!r},) for one")
    if type(kwargs) is dict and not kwargs:
        return
    if not isinstance(kwargs, Mapping) or not all(isinstance(key, str) for key in kwargs):
        raise ProgramError(f"step {step!r}: kwargs must be a mapping from argument names, not {kwargs!r}")


def replay_policy(step: str, written: object) -> Mapping[StepStatus, StepReplay]:
    """The default recovery policy with what the step says instead.

    `complete` stands for success and failure, unless they are given themselves. Raises `ProgramError`.
    """
    if written == {}:
        return DEFAULT_REPLAY
    policy, replays = dict(DEFAULT_REPLAY), as_replays(step, written)
    if StepStatus.complete in replays:
        policy[StepStatus.success] = policy[StepStatus.failure] = replays.pop(StepStatus.complete)
    return policy | replays
