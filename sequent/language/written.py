"""The types of what users write in a flow, where a type says more than its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from eventcore.define.expression import Expression
from eventcore.define.reference import Reference
from eventcore.define.status import StepStatus
from sequent.language.open_loops import Stream, Until
from sequent.language.stand_in import FlowReference

if TYPE_CHECKING:
    from sequent.language.placed import Placed
    from sequent.language.previous import Previous

#: what a clause names: a step or its name, the flow, or a step in an earlier iteration
StepNamed: TypeAlias = "Placed | Previous | str"
#: a part of a requirement: what it names, and a status; what `add_event` returned; `or_(...)`,
#: `and_(...)`, `a & b`; or several that must all hold
RequirePart: TypeAlias = "Expression | tuple[StepNamed, StepStatus] | tuple[RequirePart, ...] | list[RequirePart]"
Requirement: TypeAlias = "Expression | Iterable[RequirePart] | tuple[StepNamed, StepStatus]"
#: what a loop walks, a function that returns it, the result of a step, the item of a loop around it, a
#: stream, or until a condition holds
Loop: TypeAlias = Iterable[object] | Callable[[], Iterable[object]] | Reference | Stream | Until
#: a reference, whose value is true or not, a comparison of one, several joined with `&`, `|` and `~`, or a function
When: TypeAlias = FlowReference | Callable[[], object]
