"""Steps of a flow as users define them: a tree of containers and leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from eventcore.act.executors.registry import with_construct
from eventcore.define.config import StepConfig, merged, step_config
from eventcore.define.expression import Expression
from eventcore.define.items import RecordedItems
from eventcore.define.pools import as_units
from eventcore.define.program import check_call
from eventcore.define.reference import Reference, mapped, references_in
from eventcore.define.replay import as_replays
from eventcore.define.resident import Resident
from eventcore.define.sequence import is_name
from eventcore.define.status import StepReplay, StepStatus
from eventcore.define.stored import function_name
from eventcore.define.written import Acquires, Recovery
from eventcore.run import jupyter
from sequent.errors import FlowError, LoopError
from sequent.language.arguments import known_arguments_only
from sequent.language.around import Around, AroundCall, around_call
from sequent.language.loops import RangeItems, is_static, static_items
from sequent.language.open_loops import Stream, Until
from sequent.language.placed import Placed
from sequent.language.references import ItemReference, KeyReference, NearestItem, ResultReference
from sequent.language.require import Clause, FlowEvent, as_tree
from sequent.language.shell import ShellCommand
from sequent.language.written import Loop, Requirement

RESERVED = "/@#"
DEEPEST = 100  #: levels of steps, so that every reader of the flow can follow

#: What helps in a notebook, where a cell that adds steps may run twice.
_RUN_AGAIN = ". To define the flow anew, first run the cell that makes it"


def nothing() -> None:
    """Stands for the function where none is given: None would be the same as what a function returned by mistake."""


class Container:
    """What steps can be added to: a flow, or a step, which then becomes a container."""

    path = ""
    depth = 0

    def __init__(self) -> None:
        self.children: dict[str, FlowStep] = {}

    def add_step(
        self,
        name: str,
        func: Callable[..., object] | None = nothing,
        args: Iterable[object] = (),
        kwargs: Mapping[str, object] = {},
        require: Requirement | None = (),
        loop: Loop | None = None,
        delay: float = 0,
        concurrent: int = 1,
        acquires: Acquires = (),
        releases: Acquires | None = None,
        recovery: Recovery = {},
        config: Mapping[str, object] = {},
        hosts: Iterable[str] | None = None,
        *,
        setup: Around | None = None,
        teardown: Around | None = None,
        requires: Requirement | None = (),
        repeat: Loop | None = None,
        repeats: Loop | None = None,
    ) -> FlowStep:
        """Add a step here. A step to which steps are added is a container and has no function.

        - `func(*args, **kwargs)` is the work; `other.result` and `container.item` may stand among the arguments. A step
          without `func` succeeds at once.
        - `require`: what must hold before it starts, see `sequent.language.require.as_tree`; by default that its
          container has.
        - `loop`: an iterable, a mapping, a callable without arguments, another step's result, the item of a loop
          around it, a `stream`, or `until` a condition holds;
          `concurrent` iterations run side by side.
        - `delay`: seconds between the requirement and the start.
        - `acquires`, `releases`: pairs of `ResourcePool` and count; a container holds its own from start to end.
        - `recovery`, `config`: as in the kernel; a container's apply to its steps, unless they set their own.
        - `setup`, `teardown`: of a container, functions that run before its first iteration and after its last,
          whatever happened; one with arguments is written as a tuple: `(function, argument, ...)`.
        - `requires`, `repeat` and `repeats` are other spellings of `require` and `loop`.

        Raises a `FlowError` if the step could not run as written.
        """
        if hosts is not None:
            raise FlowError(f"step {name!r}: hosts: this version runs flows on one machine; leave hosts out")
        loops = [given for given in (loop, repeat, repeats) if given is not None]
        requirements = [given for given in (require, requires) if given is not None and given != ()]
        if len(loops) > 1 or len(requirements) > 1:
            raise FlowError(f"step {name!r}: loop and require are given twice, under two spellings; give each once")
        self._check_new_child(name)
        step = FlowStep(
            self, name, func, args, kwargs, requirements[0] if requirements else (), loops[0] if loops else None,
            delay, concurrent, acquires, releases, recovery, config, setup, teardown,
        )  # fmt: skip
        self.children[name] = step
        return step

    def step(
        self,
        name: str | None = None,
        args: Iterable[object] = (),
        kwargs: Mapping[str, object] = {},
        require: Requirement | None = (),
        loop: Loop | None = None,
        delay: float = 0,
        concurrent: int = 1,
        acquires: Acquires = (),
        releases: Acquires | None = None,
        recovery: Recovery = {},
        config: Mapping[str, object] = {},
        hosts: Iterable[str] | None = None,
        *,
        setup: Around | None = None,
        teardown: Around | None = None,
        requires: Requirement | None = (),
        repeat: Loop | None = None,
        repeats: Loop | None = None,
    ) -> Callable[[Callable[..., object]], FlowStep]:
        """A decorator that adds the function as a step here, under its own name unless `name` is given.

        The arguments are those of `add_step`. The function's name then stands for the step, so that others can refer
        to it; the function itself is the step's `func`.

            @flow.step(args=(days.item,))
            def load(day): ...

            @flow.step(args=(load.result,))
            def report(rows): ...
        """
        if callable(name):
            raise FlowError(f"step {name.__name__!r}: the decorator needs parentheses; write @flow.step()")

        def decorate(func: Callable[..., object]) -> FlowStep:
            step = self.add_step(
                getattr(func, "__name__", "") if name is None else name, func, args, kwargs, require, loop, delay,
                concurrent, acquires, releases, recovery, config, hosts, setup=setup, teardown=teardown,
                requires=requires, repeat=repeat, repeats=repeats,
            )  # fmt: skip
            step.__wrapped__ = func  # by which workers find it in its module, where its name stands for the step
            return step

        return decorate

    def add_event(self, require: Requirement) -> FlowEvent:
        """Return a requirement to use in several places, alone or in further requirements."""
        tree = as_tree(require, "add_event")
        if tree is None:
            raise FlowError("add_event: an event needs a requirement, such as ((step, STEP_SUCCESS),)")
        return FlowEvent(tree)

    def _check_new_child(self, name: Any) -> None:
        if not is_name(name) or any(mark in name for mark in RESERVED):
            raise FlowError(f"step name {name!r}: a name must be non-empty text without {', '.join(RESERVED)}")
        if name in self.children:
            raise FlowError(f"step {self.children[name].path!r} is already defined; siblings need different names"
                            + (_RUN_AGAIN if jupyter.shell() is not None else ""))  # fmt: skip
        if self.depth == DEEPEST:
            inside = self.path.rpartition("/")[2]
            raise FlowError(
                f"step {name!r} in {inside!r}: steps can be at most {DEEPEST} levels deep; add it to a step further out"
            )

    def walk(self) -> Iterator[FlowStep]:
        """All steps below, containers before their children."""
        for child in self.children.values():
            yield child
            yield from child.walk()


for _name in ("add_step", "step"):  # not as decorators: mypy would say less clearly what is wrong with a lambda
    setattr(Container, _name, known_arguments_only(getattr(Container, _name)))


class FlowStep(Container, Placed, Resident):
    """One step of a flow; made by `add_step`."""

    __wrapped__: Callable[..., object]  #: the function of a step that was made by the decorator; others do not have it

    def __init__(
        self, parent: Container, name: str, func: Callable[..., object] | None, args: Iterable[object],
        kwargs: Mapping[str, object], require: Requirement | None, loop: Loop | None, delay: float, concurrent: int,
        acquires: Acquires, releases: Acquires | None, recovery: Recovery, config: Mapping[str, object],
        setup: Around | None = None, teardown: Around | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.parent = parent
        self.name = name
        self.path = f"{parent.path}/{name}" if parent.path else name
        self.depth = parent.depth + 1  #: how many keys the sequences of its instances have
        self.is_none = func is None  #: its function was given, as None: by mistake, unless steps are added to it
        self.func = None if func is nothing else func
        check_call(self.path, self.func, args, kwargs)
        self.require: Expression | None = as_tree(require, f"step {self.path!r}, require")
        self.loop = self._checked_loop(loop)
        self.args: tuple[Any, ...] = self._with_items(tuple(args))
        self.kwargs: dict[str, Any] = self._with_items(dict(kwargs))
        self.delay = self._checked_delay(delay)
        self.concurrent = self._checked_concurrent(concurrent)
        self.acquires = as_units(acquires, self.path, "acquires")
        self.releases = None if releases is None else as_units(releases, self.path, "releases")
        self.setup = self._checked_around("setup", setup)
        self.teardown = self._checked_around("teardown", teardown)
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

    @property
    def is_container(self) -> bool:
        """Whether it has iterations: steps of its own, or a loop."""
        return bool(self.children) or self.loop is not None

    @property
    def has_items(self) -> bool:
        """Whether it has a loop over items."""
        return self.loop is not None and not isinstance(self.loop, Until)

    @property
    def has_static_loop(self) -> bool:
        """Whether the loop's items are known when the flow is built."""
        return isinstance(self.loop, StaticLoop)

    @property
    def computes_loop(self) -> bool:
        """Whether the loop's items are what a function returns in the run."""
        return self.loop is not None and not isinstance(self.loop, (StaticLoop, Reference, Stream, Until))

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

    @property
    def around(self) -> Mapping[str, AroundCall]:
        """Its `setup` and its `teardown`, where it has them."""
        calls = (("setup", self.setup), ("teardown", self.teardown))
        return {what: call for what, call in calls if call is not None}

    def check_as_built(self) -> None:
        """Find what only shows when the step has all its children; raises `FlowError`."""
        if self.children and self._config.max_concurrent is not None:
            raise FlowError(
                f"step {self.path!r}: max_concurrent is for steps with a function; this one is a container, "
                "so set it on the steps inside, or set concurrent to limit iterations"
            )
        if isinstance(self.loop, Until) and self.loop.condition is None:
            raise LoopError(f"step {self.path!r}: its loop has no condition; give one to until, or to its method when")
        for what, call in self.around.items():
            if not self.is_container:
                raise FlowError(
                    f"step {self.path!r}: {what} is for containers, and this step has neither steps nor a loop; call "
                    f"{function_name(call.func)} in the step's function, or add the function as a step inside this one"
                )

    def _checked_around(self, what: str, written: Around | None) -> AroundCall | None:
        """The setup or the teardown; `item` among its arguments is that of the nearest loop around the step."""
        call = around_call(written, f"step {self.path!r}, {what}")
        return None if call is None else AroundCall(call.func, mapped(call.args, self._with_outer_item))

    def _with_outer_item(self, reference: Reference) -> Reference:
        return self._nearest_item(self.containers) if isinstance(reference, NearestItem) else reference

    def mistakes(self) -> Iterator[str]:
        """What can be run, but was hardly meant; for `check`."""
        if self.children:
            return
        if self.is_none:
            yield (
                f"step {self.path!r}: its function is None; pass the function itself (work, not work()), or leave it "
                "out for a step that does nothing"
            )
        elif self.func is None and (self.args or self.kwargs):
            yield f"step {self.path!r}: it has arguments, but no function that gets them; pass one, or leave them out"
        for reference in references_in((self.args, self.kwargs, self.loop)):
            if isinstance(reference, ResultReference) and (reason := step_of(reference).why_no_result) is not None:
                yield f"step {self.path!r}: it uses {reference!r}, but step {reference.step.path!r} {reason}"

    @property
    def why_no_result(self) -> str | None:
        """Why its result is always None; None if it may be something else, and for a container."""
        if isinstance(self.func, ShellCommand):
            return (
                "runs a command, whose result is always None; let it write to a file, or run the command in a function "
                "that returns the output"
            )
        if self.func is None and not self.children:
            return "has no function that could return something"
        return None

    def _check_new_child(self, name: Any) -> None:
        if self.func is not None:
            raise FlowError(
                f"step {self.path!r} has a function, so it cannot contain {name!r}; add the function as a step"
            )
        super()._check_new_child(name)

    def _with_items(self, arguments: Any) -> Any:
        try:
            return mapped(arguments, self._with_item)
        except RecursionError:
            raise FlowError(
                f"step {self.path!r}: an argument contains itself, or is nested deeper than Python can follow; let the "
                "step make it"
            ) from None

    def _with_item(self, reference: Reference) -> Reference:
        """The reference itself, or for `item` the one to the nearest loop."""
        if not isinstance(reference, NearestItem):
            return reference
        return self._nearest_item([self, *self.containers])

    def _nearest_item(self, steps: Iterable[FlowStep]) -> ItemReference:
        for step in steps:
            if step.has_items:
                return ItemReference(step)
        raise LoopError(
            f"step {self.path!r} uses an item but is not in a loop; give it or a container around it a loop"
        )

    def _checked_loop(self, loop: Any) -> Any:
        if isinstance(loop, KeyReference):
            raise LoopError(
                f"step {self.path!r}: its loop is {loop!r}, which is text; for a loop over the item, use "
                f"{loop.step.path}.item"
            )
        if isinstance(loop, NearestItem):
            return self._nearest_item(self.containers)
        if loop is None or isinstance(loop, (Reference, Stream, Until)) or (callable(loop) and not is_static(loop)):
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


def step_of(named: Clause | ResultReference | ItemReference | KeyReference) -> FlowStep:
    """The step that a clause, in which it is no name any more, or a reference speaks of."""
    assert isinstance(named.step, FlowStep)
    return named.step


class StaticLoop:
    """A loop known when the flow is built, in its recorded form."""

    def __init__(self, items: RangeItems | RecordedItems) -> None:
        self.items = items
