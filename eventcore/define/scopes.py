"""Scopes, the loops that walk them, and what is told of their iterations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from eventcore.define.event import Event
from eventcore.define.status import StepStatus, TaskStatus

Outcomes: TypeAlias = Mapping[TaskStatus, tuple[Event, ...]]


class Scope(msgspec.Struct, frozen=True):
    """A part of a program that is walked once for each of its container's iterations; the root has the empty name."""

    name: str
    parent: str | None = None
    begin: Event | None = None  #: triggered when an iteration begins; the root has none
    #: what follows when an event of the kind `ended` is triggered, by how everything else on the level ended
    outcomes: Outcomes = {}


class Slice(NamedTuple):
    """Some consecutive items of a loop, as they are recorded."""

    first: int  #: the number of the first of them, from 1
    size: int
    keys: str | None  #: their keys as a JSON list; None where numbers serve
    values: str  #: their values as tagged JSON, a list


class Items(Protocol):
    """The items of a loop, handed over slice by slice so that nobody has to hold them all."""

    @property
    def size(self) -> int:
        """How many there are."""

    @property
    def keyed(self) -> bool:
        """Whether they have keys of their own."""

    def slices(self) -> Iterator[Slice]:
        """The slices in order, the same each time."""


class Tally(msgspec.Struct, frozen=True):
    """What is to be told of how many iterations of a loop have a status."""

    status: StepStatus
    least: int | None  #: how many; None for all
    came: Event  #: triggered when there are so many
    never: Event  #: triggered when it is certain that there will not be


class Carried(msgspec.Struct, frozen=True):
    """What is carried from an iteration into the one that comes `back` iterations later."""

    came: Event  #: in the earlier iteration
    into: Event  #: what it triggers in the later one, in the same scope; in the first `back` ones it holds at once
    never: Event | None  #: says that `came` cannot come any more
    never_into: Event | None
    back: int


class Loop(msgspec.Struct, frozen=True, eq=False):
    """How a container walks its scope."""

    scope: Scope
    items: str | None = None  #: the name of the step that computes the items; None for one iteration without an item
    concurrent: int = 1  #: how many iterations may be open at once
    looking_out: tuple[str, ...] = ()  #: the steps inside that ask for something outside, or must run
    setup: str | None = None  #: the name of the step that runs before the first iteration
    teardown: str | None = None  #: the name of the step that runs after the last one
    is_stream: bool = False  #: the items come one by one, and nobody knows how many there will be
    until: str | None = None  #: the name of the step, in the scope, that asks whether the iteration is the last one
    limit: int = 1  #: how many iterations there are at most where there are no items
    tallies: tuple[Tally, ...] = ()
    #: the events of the container's level, by the events inside that they follow
    exports: Mapping[str, Event] = {}
    carried: tuple[Carried, ...] = ()
    unwalked: tuple[Event, ...] = ()  #: what is said of its members where it ends without being walked
