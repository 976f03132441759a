"""The program: the events, steps and associations that a user declares, checked as they are declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eventcore.define.config import StepConfig
from eventcore.define.control import Control
from eventcore.define.expression import Expression, leaves, normalized
from eventcore.define.pools import ResourcePool, Units, as_units
from eventcore.define.sequence import is_name
from eventcore.define.status import StepReplay, StepStatus
from eventcore.errors import ProgramError

DEFAULT_REPLAY: Mapping[StepStatus, StepReplay] = {
    StepStatus.ready: StepReplay.rerun,
    StepStatus.active: StepReplay.rerun,
    StepStatus.failure: StepReplay.rerun,
    StepStatus.success: StepReplay.skip,
}


class Event(Expression):
    """Something that can be triggered, once at each sequence; made by `add_event`.

    `scope` names the part of the program that the event belongs to (raw programs have one part, the flow language
    gives each container one). An event that `halts` ends its part where it is triggered: steps there that have not
    started never will.
    """

    __slots__ = ("expr", "halts", "name", "scope")

    def __init__(self, name: str, expr: Expression | None = None, scope: str = "", halts: bool = False) -> None:
        self.name = name
        self.expr = expr
        self.scope = scope
        self.halts = halts

    def __repr__(self) -> str:
        return f"Event({self.name!r})"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a step stands in a layer above the kernel; raw programs leave it as it is."""

    path: str = ""  #: the name that users see, the step's own where empty
    scope: str = ""  #: the part of the program it belongs to
    void: Event | None = None  #: triggered when it becomes certain that the step will not run
    handled: bool | None = None  #: whether a failure is handled; None asks the step's triggers
    hidden: bool = False  #: shown only to those who ask
    result_needed: bool = False  #: something refers to its result: one that cannot be stored fails it
    extras: Mapping[str, Any] = field(default_factory=dict)  #: for `current()`, resolved like arguments
    environment: Mapping[str, Any] = field(default_factory=dict)  #: further variables, resolved like arguments


@dataclass(frozen=True, slots=True, eq=False)
class Step:
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
    placement: Placement = Placement()
    control: Control | None = None

    @property
    def path(self) -> str:
        """The name that users see."""
        return self.placement.path or self.name

    @property
    def handles_failure(self) -> bool:
        """Whether something in the program takes this step's failure in hand."""
        if self.placement.handled is not None:
            return self.placement.handled
        return bool(self.triggers.get(StepStatus.failure) or self.triggers.get(StepStatus.complete))

    def __repr__(self) -> str:
        return f"Step({self.name!r})"


@dataclass(frozen=True, slots=True)
class Association:
    """From an event to an event or a step, at the same sequence, after `delay` seconds."""

    event: Event
    target: Event | Step
    delay: float = 0.0

    @property
    def key(self) -> str:
        """The association's name in the store."""
        kind = "event" if isinstance(self.target, Event) else "step"
        return f"{self.event.name} -> {kind} {self.target.name}"


class Program:
    """All definitions of one program, in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: dict[str, Event] = {}
        self.steps: dict[str, Step] = {}
        self.associations: dict[str, Association] = {}
        self.pools: dict[str, ResourcePool] = {}

    def add_event(self, name: str, expr: Any = None, *, scope: str = "", halts: bool = False) -> Event:
        """Declare an event; with `expr`, it is triggered wherever the expression holds."""
        self._check_name("event", name, self.events)
        tree = None if expr is None else normalized(expr, self._event_leaf, f"event {name!r}")
        event = self.events[name] = Event(name, tree, scope, halts)
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
        placement: Placement = Placement(),
        control: Control | None = None,
    ) -> Step:
        """Declare a step; raises `ProgramError` for whatever could not run."""
        self._check_name("step", name, self.steps)
        check_call(name, func, args, kwargs)
        takes = as_units(acquires, name, "acquires")
        gives = takes if releases is None else as_units(releases, name, "releases")
        for pool, _ in (*takes, *gives):
            if self.pools.setdefault(pool.name, pool) is not pool:
                raise ProgramError(f"step {name!r}: another pool is named {pool.name!r} already; share one object")
        step = self.steps[name] = Step(
            name, func, tuple(args), dict(kwargs), self._triggers(name, triggers), takes, gives,
            replay_policy(name, recovery), config, placement, control,
        )  # fmt: skip
        return step

    def add_assoc(self, event: Event, targets: Iterable[Any], delay: float = 0) -> None:
        """Connect an event to what follows from it."""
        self._own_event(event, "add_assoc")
        if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not 0 <= delay < float("inf"):
            raise ProgramError(f"association of {event.name!r}: delay is in seconds and not negative, not {delay!r}")
        for target in targets:
            if isinstance(target, Event):
                self._own_event(target, f"association of {event.name!r}")
            elif not isinstance(target, Step) or self.steps.get(target.name) is not target:
                raise ProgramError(f"association of {event.name!r}: {target!r} is no event or step of this program")
            association = Association(event, target, float(delay))
            before = self.associations.setdefault(association.key, association)
            if before.delay != association.delay:
                raise ProgramError(
                    f"association {association.key!r} is there already, with delay {before.delay:g}; give one delay"
                )

    def event_named(self, event: Event | str, where: str) -> Event:
        """The event, given itself or by its name; raises `ProgramError` where it is not one of this program."""
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
            raise ProgramError(f"step {step!r}: triggers is a mapping from StepStatus to events, not {written!r}")
        for status, events in written.items():
            if not isinstance(status, StepStatus):
                raise ProgramError(f"step {step!r}: triggers are keyed by StepStatus, not {status!r}")
            if not isinstance(events, (Event, Iterable)):
                raise ProgramError(f"step {step!r}, trigger {status.value}: give a tuple of events, not {events!r}")
            group = (events,) if isinstance(events, Event) else tuple(events)
            found[status] = tuple(self._own_event(event, f"step {step!r}, trigger {status.value}") for event in group)
        return found

    @staticmethod
    def _check_name(kind: str, name: Any, taken: Mapping[str, Any]) -> None:
        if not is_name(name):
            raise ProgramError(f"{kind} name {name!r}: a name is non-empty text, without NUL and half characters")
        if name in taken:
            raise ProgramError(f"{kind} {name!r} is defined already; names are unique in a program, choose another")

    def atoms(self, event: Event) -> list[Event]:
        """The events that an event's expression speaks of, each once."""
        if event.expr is None:
            return []
        return list({id(leaf): leaf for leaf in leaves(event.expr) if isinstance(leaf, Event)}.values())


def check_call(step: str, func: Any, args: Any, kwargs: Any) -> None:
    """Raise `ProgramError` for a function, arguments or keywords that could not be called."""
    if func is not None and not callable(func):
        raise ProgramError(f"step {step!r}: func must be callable or None, not {func!r}")
    if isinstance(args, (str, bytes)) or not isinstance(args, Iterable):
        raise ProgramError(f"step {step!r}: args is a tuple of arguments, not {args!r}; write ({args!r},) for one")
    if not isinstance(kwargs, Mapping) or not all(isinstance(key, str) for key in kwargs):
        raise ProgramError(f"step {step!r}: kwargs is a mapping from argument names, not {kwargs!r}")


def replay_policy(step: str, written: Mapping[Any, Any]) -> Mapping[StepStatus, StepReplay]:
    """The step's recovery policy over the default; `complete` stands for what is not given of success and failure."""
    policy = dict(DEFAULT_REPLAY)
    if not isinstance(written, Mapping):
        raise ProgramError(f"step {step!r}: recovery is a mapping from StepStatus to StepReplay, not {written!r}")
    for status, replay in written.items():
        if not isinstance(status, StepStatus) or not isinstance(replay, StepReplay):
            raise ProgramError(f"step {step!r}: recovery maps StepStatus to StepReplay, not {status!r} to {replay!r}")
    if StepStatus.complete in written:
        policy[StepStatus.success] = policy[StepStatus.failure] = written[StepStatus.complete]
    return policy | {status: replay for status, replay in written.items() if status is not StepStatus.complete}
