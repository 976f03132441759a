"""`FlowStep`: a step of a flow as its user defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from eventcore.act.executors.registry import with_construct
from eventcore.define.config import StepConfig, merged, step_config
from eventcore.define.expression import Expression
from eventcore.define.pools import as_units
from eventcore.define.program import Wait, check_call
from eventcore.define.reference import Reference, mapped
from eventcore.define.replay import as_replays
from eventcore.define.resident import Resident
from eventcore.define.sequence import is_name
from eventcore.define.status import StepReplay, StepStatus
from eventcore.define.written import Acquires, Recovery
from sequent.errors import FlowError, LoopError
from sequent.language.around import Around, AroundCall, around_a_plain_step, around_call
from sequent.language.conditions import Condition
from sequent.language.container import RESERVED, Container, nothing
from sequent.language.loops import StaticLoop, is_static, static_items
from sequent.language.open_loops import Stream, Until
from sequent.language.previous import Previous
from sequent.language.references import (
    ItemReference,
    KeyReference,
    NearestItem,
    ResultReference,
    ValueReference,
    placed_of,
)
from sequent.language.require import Clause, StepEvent, as_tree
from sequent.language.results import ContainerResults
from sequent.language.stand_in import FlowReference, source_of
from sequent.language.when import as_when
from sequent.language.written import Loop, Requirement, When


class FlowStep(Container, Resident):
    """One step of a flow; made by `add_step`."""

    __wrapped__: Callable[..., object]  #: the function of a step that was made by the decorator; others do not have it

    def __init__(
        self, parent: Container, name: str, func: Callable[..., object] | None, args: Iterable[object],
        kwargs: Mapping[str, object], require: Requirement | None, loop: Loop | None, delay: float, concurrent: int,
        acquires: Acquires, releases: Acquires | None, recovery: Recovery, config: Mapping[str, object],
        when: When | None = None, wait: Wait | None = None, setup: Around | None = None,
        teardown: Around | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.parent = parent
        self.wait = wait
        self.events: dict[str, StepEvent] = {}
        self.name = name
        self.path = f"{parent.path}/{name}" if parent.path else name
        self.depth = parent.depth + 1  #: how many keys the sequences of its instances have
        self.is_none = func is None  #: its function was given, as None: by mistake, unless steps are added to it
        self.func = None if func is nothing else func
        check_call(self.path, self.func, args, kwargs)
        self.require: Expression | None = as_tree(require, f"step {self.path!r}, require")
        self.loop = self._checked_loop(loop)
        self.when = as_when(self._placed(when, own=False), f"step {self.path!r}, when")
        self.args: tuple[Any, ...] = self._with_items(tuple(args))
        self.kwargs: dict[str, Any] = self._with_items(dict(kwargs))
        self.delay = self._checked_delay(delay)
        self.concurrent = self._checked_concurrent(concurrent)
        self.acquires = as_units(acquires, self.path, "acquires")
        self.releases = None if releases is None else as_units(releases, self.path, "releases")
        #: its setup and its teardown, where it has them
        self.around: Mapping[str, AroundCall] = self._checked_around({"setup": setup, "teardown": teardown})
        self._recovery = as_replays(self.path, recovery)
        self._config = with_construct(step_config(config, self.path), f"step {self.path!r}, config")

    def __repr__(self) -> str:
        return f"FlowStep({self.path!r})"

    def _why_resident(self) -> str:
        return f"it has step {self.path!r} in it; for the result of that step, pass its .result"

    @property
    def result(self) -> ResultReference:
        """A stand-in for this step's result, for other steps' args, kwargs and loop; it implies the order."""
        return ResultReference(self)

    def event(self, name: str) -> StepEvent:
        """An event that the step's function emits while it runs, with `sequent.current().emit(name, value)`.

        Other steps may require it, alone or among clauses, and take its `value` as an argument. Asking for the same
        name again returns the same event. Raises a `FlowError` for a name that cannot be one, and for a step that has
        a loop or no function of its own.

            load = flow.add_step("load", load_all)
            half = load.event("half")
            flow.add_step("preview", show, args=(half.value,), require=half)
        """
        if not is_name(name) or any(mark in name for mark in RESERVED):
            raise FlowError(
                f"step {self.path!r}: event name {name!r}: a name must be non-empty text without {', '.join(RESERVED)}"
            )
        if self.loop is not None:
            raise FlowError(
                f"step {self.path!r} has a loop, so event {name!r} would come in each of its iterations, out of which "
                "no other step can see; add the function as a step inside, and the steps that require its event beside"
            )
        return self.events.setdefault(name, StepEvent(self, name))

    @property
    def item(self) -> ItemReference:
        """A stand-in for the item of this step's loop, for the arguments and loops of the steps inside it."""
        if self.loop is None:
            raise LoopError(f"step {self.path!r} has no loop, so it has no item; give it a loop")
        if not self.has_items:
            raise LoopError(f"step {self.path!r} has no items; use {self.path}.key, the number of the iteration")
        return ItemReference(self)

    @property
    def key(self) -> KeyReference:
        """A stand-in for the key of this step's iteration: a mapping's key as text, else `1`, `2` and so on."""
        if self.loop is None:
            raise LoopError(f"step {self.path!r} has no loop, so it has no key; give it a loop")
        return KeyReference(self)

    def previous(self, n: int = 1, loop: FlowStep | str | None = None) -> Previous:
        """This step `n` iterations before the present one of the nearest loop around it, or of the one that is given.

        Its `.result` is None where there is no such iteration. A step's own `add_step` has `sequent.previous(name)`.
        """
        return Previous(self, n, loop)

    def results(self, step: FlowStep) -> ContainerResults:
        """A stand-in for the results of a step inside this container: a list over its iterations, or a mapping.

        From outside, it implies the order, and is nested as the loops between the two are; from inside, it has the
        iterations before the present one.
        """
        return ContainerResults(self, step)

    @property
    def is_container(self) -> bool:
        """Whether it has iterations: steps of its own, or a loop."""
        return bool(self.children) or self.loop is not None

    @property
    def has_items(self) -> bool:
        """Whether it has a loop over items."""
        return self.loop is not None and not isinstance(self.loop, Until)

    @property
    def computes_loop(self) -> bool:
        """Whether the loop's items are what a function returns in the run."""
        return self.loop is not None and not isinstance(self.loop, (StaticLoop, Reference, Stream, Until))

    @property
    def until(self) -> Any:
        """The condition that ends its loop, a function or a reference; None for other loops."""
        return self._placed(self.loop.condition, own=True) if isinstance(self.loop, Until) else None

    @cached_property
    def config(self) -> StepConfig:
        """Its own config over what its containers say."""
        around = self.parent
        return merged(around.config, self._config) if isinstance(around, FlowStep) else self._config

    @cached_property
    def recovery(self) -> Mapping[StepStatus, StepReplay]:
        """Its own recovery policy over what its containers say."""
        around = self.parent
        return {**around.recovery, **self._recovery} if isinstance(around, FlowStep) else self._recovery

    @property
    def containers(self) -> list[FlowStep]:
        """The containers around it, nearest first."""
        found, around = [], self.parent
        while isinstance(around, FlowStep):
            found.append(around)
            around = around.parent
        return found

    def named(self, name: str) -> FlowStep | None:
        """See `Placed`."""
        around = self.parent
        while name not in around.children and isinstance(around, FlowStep):
            around = around.parent
        found: FlowStep | None = around.children.get(name)
        if found is None:
            for part in name.split("/"):
                found = around.children.get(part)
                if found is None:
                    return None
                around = found
        return found

    def check_as_built(self) -> None:
        """Find what only shows when the step has all its children; raises `FlowError`."""
        if self.events and (self.children or self.func is None or self.wait is not None):
            what = "a container" if self.children else "a wait" if self.wait is not None else "without a function"
            raise FlowError(f"step {self.path!r} is {what}, so it cannot emit event {next(iter(self.events))!r}")
        if self.children and self._config.max_concurrent is not None:
            raise FlowError(
                f"step {self.path!r}: max_concurrent is for steps with a function; this one is a container, "
                "so set it on the steps inside, or set concurrent to limit iterations"
            )
        if isinstance(self.loop, Until) and self.loop.condition is None:
            raise LoopError(f"step {self.path!r}: its loop has no condition; give one to until, or to its method when")
        if self.around and not self.is_container:
            raise around_a_plain_step(self.path, self.around)

    def _checked_around(self, written: Mapping[str, Around | None]) -> Mapping[str, AroundCall]:
        """The setup and the teardown; `item` among their arguments is that of the nearest loop around the step."""
        given = {what: call for what, call in written.items() if call is not None}
        calls = {what: around_call(call, f"step {self.path!r}, {what}") for what, call in given.items()}
        return {
            what: AroundCall(call.func, mapped(call.args, lambda reference: self._placed(reference, own=False)))
            for what, call in calls.items()
        }

    def _check_new_child(self, name: Any) -> None:
        if self.func is not None:
            raise FlowError(
                f"step {self.path!r} has a function, so it cannot contain {name!r}; add the function as a step"
            )
        if self.wait is not None:
            raise FlowError(f"step {self.path!r} is a wait, so it cannot contain {name!r}; add that beside it")
        super()._check_new_child(name)

    def _with_items(self, arguments: Any) -> Any:
        if not arguments:
            return arguments
        try:
            return mapped(arguments, lambda reference: self._placed(reference, own=True))
        except RecursionError:
            raise FlowError(
                f"step {self.path!r}: an argument contains itself, or is nested deeper than Python can follow; let the "
                "step make it"
            ) from None

    def _placed(self, reference: Any, *, own: bool) -> Any:
        """The reference, or what is none, as it is for this step; `own` says whether its own loop is the nearest."""

        def placed(source: FlowReference) -> FlowReference:
            if isinstance(source, NearestItem):
                return self._nearest_item([self, *self.containers] if own else self.containers)
            return source._of(self, own=own)

        return reference._mapped(placed) if isinstance(reference, FlowReference) else reference

    def _nearest_item(self, steps: Iterable[FlowStep]) -> ItemReference:
        for step in steps:
            if step.has_items:
                return ItemReference(step)
        raise LoopError(
            f"step {self.path!r} uses an item but is not in a loop; give it or a container around it a loop"
        )

    def _checked_loop(self, loop: Any) -> Any:
        source = source_of(loop) if isinstance(loop, FlowReference) else None
        if isinstance(source, KeyReference):
            raise LoopError(
                f"step {self.path!r}: its loop is {loop!r}, which is text; for a loop over the item, use "
                f"{step_of(source).path}.item"
            )
        if isinstance(loop, Condition):
            raise LoopError(f"step {self.path!r}: its loop is {loop!r}, which is true or false; write when={loop!r}")
        if isinstance(loop, Reference):
            return self._placed(loop, own=False)
        if loop is None or isinstance(loop, (Stream, Until)) or (callable(loop) and not is_static(loop)):
            return loop
        return StaticLoop(static_items(loop, self.path))

    def _checked_delay(self, delay: Any) -> float:
        if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not 0 <= delay < float("inf"):
            raise FlowError(f"step {self.path!r}: delay must be a number of seconds, 0 or more, not {delay!r}")
        return float(delay)

    def _checked_concurrent(self, concurrent: Any) -> int:
        if isinstance(concurrent, bool) or not isinstance(concurrent, int) or concurrent < 1:
            raise FlowError(
                f"step {self.path!r}: concurrent must be a number of iterations, 1 or more, not {concurrent!r}"
            )
        if concurrent > 1 and isinstance(self.loop, Until):
            raise FlowError(
                f"step {self.path!r}: its iterations come one after the other, as each may be the last; leave "
                "concurrent out"
            )
        return concurrent


def step_of(
    named: Clause | ResultReference | ItemReference | KeyReference | ValueReference | ContainerResults,
) -> FlowStep:
    """The step that a clause, in which it is no name any more, or a reference speaks of."""
    step = named.step if isinstance(named, Clause) else placed_of(named)
    assert isinstance(step, FlowStep)
    return step
