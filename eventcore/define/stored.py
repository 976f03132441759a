"""A program as data, stored with a run so that status, pictures and reports need none of the user's code.

It is written when the program is built. Readers use only its fields, and never take names or texts apart.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from eventcore.define.config import NOTHING_SET, StepConfig
from eventcore.define.event import EventKind
from eventcore.define.expression import as_data
from eventcore.define.pools import PoolScope
from eventcore.define.program import COMPUTING, DEFAULT_REPLAY, Picture, Program, Role, Step
from eventcore.define.status import StepReplay, StepStatus
from eventcore.define.tree import Tree, check_tree
from eventcore.errors import StoreError
from eventcore.uncollected import uncollected

FORMAT = 2
KEPT = 4  #: programs that were read last and are kept, as one that is asked about is asked about again

Digest: TypeAlias = Callable[[Callable[..., Any] | None], str | None]


class StoredScope(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the program; the root has the empty name."""

    name: str
    parent: str | None = None
    begin: str | None = None  #: the event that begins an iteration


class StoredEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event, and the expression that makes it hold."""

    name: str
    scope: str = ""
    kind: EventKind = EventKind.public
    expr: Tree = None


class StoredLoop(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the items of a container come from."""

    kind: Literal["items", "result", "item", "function", "stream", "until"]
    size: int | None = None  #: how many items, where that is known beforehand
    source: str | None = None  #: the step whose result, or the function that, gives the items or ends the loop
    limit: int | None = None  #: how many iterations there are at most, where that is all that is known

    def __str__(self) -> str:
        if self.kind == "items":
            return f"{self.size} item{'' if self.size == 1 else 's'}"
        if self.kind == "until":
            return f"until {self.source}, at most {self.limit}"
        if self.kind in ("function", "stream"):
            return f"{self.source}()" if self.kind == "function" else f"stream of {self.source}()"
        return f"{self.kind} of {self.source}"

    @property
    def is_open(self) -> bool:
        """Whether only the work itself knows how many iterations there will be."""
        return self.kind in ("stream", "until")


class StoredStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step as its user wrote it, and where the kernel has it."""

    name: str  #: the kernel's
    path: str  #: the user's
    role: Role = Role.action
    scope: str = ""
    inside: str | None = None  #: the scope that a container walks
    function: str | None = None
    code: str | None = None  #: a digest of the function's code, where that is in no file
    loop: StoredLoop | None = None
    concurrent: int = 1
    delay: float = 0.0
    setup: str | None = None  #: the function that runs before the first iteration of a container
    teardown: str | None = None  #: the function that runs after the last one
    require: Tree = None
    triggers: dict[str, list[str]] = {}
    acquires: list[tuple[str, int]] = []
    releases: list[tuple[str, int]] = []
    recovery: dict[str, str] = {}
    config: dict[str, Any] = {}
    handled: bool = False
    when: str | None = None  #: the condition under which it runs, as users read it
    events: dict[str, str] = {}  #: that it may emit: the kernel's names of them by its user's
    survives: bool = False  #: it starts even where the run was cancelled, or a failure stopped it

    @property
    def is_hidden(self) -> bool:
        """Whether it is there for the sake of another step."""
        return self.role.is_hidden


class StoredAssociation(msgspec.Struct, frozen=True, omit_defaults=True):
    """From an event to an event or a step."""

    event: str
    kind: Literal["event", "step"]
    target: str
    delay: float = 0.0


class StoredProgram(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A whole program."""

    format: int
    name: str
    scopes: list[StoredScope]
    events: list[StoredEvent]
    steps: list[StoredStep]
    associations: list[StoredAssociation]
    pools: dict[str, int | None]
    shared: dict[str, PoolScope] = {}  #: who shares the units of a pool, where that is not this run alone

    @property
    def is_flow(self) -> bool:
        """Whether the flow language wrote it."""
        return self.scopes[0].begin is not None

    @cached_property
    def step_named(self) -> Mapping[str, StoredStep]:
        """The steps by the kernel's names."""
        return {step.name: step for step in self.steps}

    @cached_property
    def event_named(self) -> Mapping[str, StoredEvent]:
        """The events by their names."""
        return {event.name: event for event in self.events}

    @cached_property
    def scope_named(self) -> Mapping[str, StoredScope]:
        """The scopes by their names."""
        return {scope.name: scope for scope in self.scopes}

    @cached_property
    def members(self) -> Mapping[str, list[StoredStep]]:
        """The steps of each scope, in the order of their definition."""
        found: dict[str, list[StoredStep]] = {scope.name: [] for scope in self.scopes}
        for step in self.steps:
            found[step.scope].append(step)
        return found

    @cached_property
    def container_of(self) -> Mapping[str, StoredStep]:
        """The container whose iterations a scope has, by the scope's name."""
        return {step.inside: step for step in self.steps if step.inside is not None}

    def scopes_around(self, step: str) -> list[str]:
        """The scopes around a step, the nearest first."""
        found = [self.step_named[step].scope]
        while (container := self.container_of.get(found[-1])) is not None:
            found.append(container.scope)
        return found

    @cached_property
    def container_paths(self) -> frozenset[str]:
        """The paths of all containers."""
        return frozenset(step.path for step in self.steps if step.role is Role.container)

    @cached_property
    def items_of(self) -> Mapping[str, str]:
        """The name of the step that computes a container's items, by the container's name."""
        by_path = {step.path: step.name for step in self.steps if step.role is Role.container}
        return {by_path[step.path]: step.name for step in self.steps if step.role in COMPUTING}

    @cached_property
    def condition_of(self) -> Mapping[str, str]:
        """The name of the step that decides whether another runs, by that one's path."""
        return {step.path: step.name for step in self.steps if step.role is Role.condition}

    @cached_property
    def visible_at(self) -> Mapping[str, list[StoredStep]]:
        """The steps that users see, by their paths: a container, the function of its own, or both."""
        found: dict[str, list[StoredStep]] = {}
        for step in self.visible():
            found.setdefault(step.path, []).append(step)
        return found

    def visible(self) -> Iterator[StoredStep]:
        """The steps that users see."""
        return (step for step in self.steps if not step.is_hidden)


def stored_program(program: Program, code_of: Digest = lambda _: None) -> StoredProgram:
    """The program as data; `code_of` tells the digest of a function's code, where that is to be stored.

    Arguments are left out: they may be large or secret, and a program called with others is the same program.
    """
    return StoredProgram(
        FORMAT,
        program.name,
        [StoredScope(s.name, s.parent, None if s.begin is None else s.begin.name) for s in program.scopes.values()],
        [
            StoredEvent(e.name, e.scope, e.kind, None if e.expr is None else as_data(e.expr, _name))
            for e in program.events.values()
        ],
        [_step(step, code_of(step.func)) for step in program.steps.values()],
        [StoredAssociation(*a.key, a.delay) for a in program.associations.values()],
        {name: pool.limit for name, pool in program.pools.items()},
        {name: pool.scope for name, pool in program.pools.items() if pool.is_shared},
    )


def written(program: StoredProgram) -> str:
    """The program as the text that stores keep."""
    return msgspec.json.encode(program).decode()


@lru_cache(maxsize=KEPT)
@uncollected()
def read(text: str) -> StoredProgram:
    """Read what `written` wrote; raises `StoreError` for anything else. Nobody changes what is read."""
    try:
        program = msgspec.json.decode(text, type=StoredProgram)
        if program.format != FORMAT:
            raise ValueError(f"it has format {program.format}, and this version reads {FORMAT}")
        check_consistent(program)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise StoreError(
            f"a stored program cannot be read: {error}; it was damaged, or another version wrote it"
        ) from None
    return program


def check_consistent(program: StoredProgram) -> None:
    """Raise `ValueError` unless each name in the program is that of one of its parts: readers rely on that."""
    events = {event.name for event in program.events}
    steps = {step.name for step in program.steps}
    paths = {step.path for step in program.steps}
    _check_scopes(program.scopes, events)
    if len(steps) < len(program.steps):
        raise ValueError("two steps have the same name")
    for event in program.events:
        _known(event.scope, program.scope_named, "scope")
        check_tree(event.expr, events, paths)
    for step in program.steps:
        _check_step(program, step, events)
        check_tree(step.require, events, paths)
    for association in program.associations:
        _known(association.event, events, "event")
        _known(association.target, events if association.kind == "event" else steps, association.kind)


def _check_scopes(scopes: list[StoredScope], events: Container[str]) -> None:
    known: set[str] = set()
    for scope in scopes:
        _known(scope.parent, known, "scope", optional=not known)
        _known(scope.begin, events, "event", optional=True)
        known.add(scope.name)
    if not known or len(known) < len(scopes):
        raise ValueError("it has no scope, or two of the same name")


def _check_step(program: StoredProgram, step: StoredStep, events: Container[str]) -> None:
    _known(step.scope, program.scope_named, "scope")
    if step.inside is not None:
        _known(step.inside, program.scope_named, "scope")
        if program.scope_named[step.inside].parent != step.scope:
            raise ValueError(f"the inside of step {step.path!r} is not in its scope")
    if step.is_hidden and step.role is not Role.condition:
        _known(step.path, program.container_paths, "container")
    for emitted in step.events.values():
        _known(emitted, events, "event")
    for status, raised in step.triggers.items():
        StepStatus(status)
        for name in raised:
            _known(name, events, "event")
    for pool, _ in (*step.acquires, *step.releases):
        _known(pool, program.pools, "resource")
    for status, word in step.recovery.items():
        StepStatus(status), StepReplay(word)


def _known(name: str | None, names: Container[str], what: str, *, optional: bool = False) -> None:
    if name not in names and not (optional and name is None):
        raise ValueError(f"it speaks of a {what} {name!r}, which it does not have")


def function_name(function: Callable[..., Any] | None) -> str | None:
    """`module:qualname` of a function, as far as it has one."""
    if function is None:
        return None
    named: Any = getattr(function, "func", function)
    qualname = getattr(named, "__qualname__", None) or type(named).__qualname__
    return f"{getattr(named, '__module__', '?')}:{qualname}"


def reruns_successes(program: Program) -> bool:
    """Whether some step asks for another run after it succeeded."""
    return any(step.replay[StepStatus.success] is StepReplay.rerun for step in program.steps.values())


def _name(event: Any) -> Any:
    return event.name


_PLAIN = Picture()


def _step(step: Step, code: str | None) -> StoredStep:
    picture = step.place.picture or _PLAIN
    return StoredStep(
        step.name,
        step.path,
        step.role,
        step.place.scope,
        None if step.loop is None else step.loop.scope.name,
        function_name(step.func),
        code,
        None if picture.loop is None else StoredLoop(picture.loop, picture.size, picture.source, picture.limit),
        picture.concurrent,
        picture.delay,
        picture.setup,
        picture.teardown,
        picture.require,
        {status._value_: [event.name for event in events] for status, events in step.triggers.items()},
        [(pool.name, count) for pool, count in step.acquires],
        [(pool.name, count) for pool, count in step.releases],
        {} if step.replay is DEFAULT_REPLAY else _policy(step.replay),
        _config_data(step.config),
        step.handles_failure,
        picture.when,
        {own.name: own.event.name for own in step.place.own},
        step.place.survives,
    )


def _policy(replay: Mapping[StepStatus, StepReplay]) -> dict[str, str]:
    return {status.value: word.value for status, word in replay.items() if DEFAULT_REPLAY[status] is not word}


def _config_data(config: StepConfig) -> dict[str, Any]:
    if config is NOTHING_SET or config == NOTHING_SET:
        return {}
    data = msgspec.to_builtins(msgspec.structs.replace(config, task_construct=None))
    construct = config.task_construct
    if construct is not None:
        data["task_construct"] = construct if isinstance(construct, str) else function_name(construct)
    return {key: value for key, value in data.items() if value is not None}
