"""The types of what users write, where a type says more than its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from eventcore.define.event import Event
from eventcore.define.expression import Expression
from eventcore.define.pools import ResourcePool
from eventcore.define.status import StepReplay, StepStatus, TaskStatus

#: a part of an event's expression: an event, `or_(...)`, `and_(...)`, `a & b`, or several that must all hold
EventPart: TypeAlias = "Expression | tuple[EventPart, ...] | list[EventPart]"
EventExpression: TypeAlias = Expression | Sequence[EventPart]

Triggers: TypeAlias = Mapping[StepStatus, Event | Iterable[Event]]
#: spelled out, because type checkers do not take a mapping with keys of one type for one with keys of either
Recovery: TypeAlias = (
    Mapping[StepStatus, StepReplay] | Mapping[TaskStatus, StepReplay] | Mapping[StepStatus | TaskStatus, StepReplay]
)
Acquires: TypeAlias = Iterable[tuple[ResourcePool, int]]
