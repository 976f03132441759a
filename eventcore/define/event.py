"""Events, and what each kind of them is for."""

from __future__ import annotations

from enum import StrEnum

from eventcore.define.expression import Expression


class EventKind(StrEnum):
    """What an event is for.

    Only public events, and those that steps emit, are recorded as facts, and only the public ones can be triggered by
    users. All others are internal: a layer above declares them, and they are derived again from the states of tasks and
    iterations when a run continues.
    """

    public = "public"  #: declared by a user
    internal = "internal"  #: what a layer above needs besides the kinds below, such as the beginning of an iteration
    void = "void"  #: it is certain that a step will not run
    over = "over"  #: every step of an iteration has ended or can no longer run
    broken = "broken"  #: a failure that nobody handles, and that ends its iteration
    flawed = "flawed"  #: one that lets the rest of its iteration go on
    items = "items"  #: a container's items are computed, or never will be
    around = "around"  #: the setup or teardown of a container is over
    ended = "ended"  #: everything on a level is over but the steps that wait for that
    export = "export"  #: it is passed on from inside a container to the level that this is on
    choice = "choice"  #: what a condition has come to
    members = "members"  #: how many members of a container have a status, as far as something asks; it is recorded
    own = "own"  #: a step emits it while it runs; it is recorded, too
    missed = "missed"  #: the step is over, or will not run, and has not emitted its event

    @property
    def is_recorded(self) -> bool:
        """Whether such events are recorded as facts, because they do not follow from what else is recorded."""
        return self in (EventKind.public, EventKind.members, EventKind.own)


class Event(Expression):
    """Something that can be triggered once at each sequence; made by `add_event`.

    `scope` names the scope that the event belongs to: raw programs have one, the flow language gives each container
    one of its own.
    """

    __slots__ = ("expr", "kind", "name", "scope")

    def __init__(
        self, name: str, expr: Expression | None = None, scope: str = "", kind: EventKind = EventKind.public
    ) -> None:
        self.name = name
        self.expr = expr
        self.scope = scope
        self.kind = kind

    def __repr__(self) -> str:
        return f"Event({self.name!r})"
