"""`Container`: what steps can be added to, a flow or a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from eventcore.define.sequence import is_name
from eventcore.define.written import Acquires, Recovery
from eventcore.run import jupyter
from sequent.errors import FlowError
from sequent.language.arguments import known_arguments_only
from sequent.language.around import Around
from sequent.language.placed import Placed
from sequent.language.require import FlowEvent, as_tree
from sequent.language.waits import NOTHING_GIVEN, as_wait
from sequent.language.written import Loop, Requirement, When

if TYPE_CHECKING:
    from sequent.language.step import FlowStep

RESERVED = "/@#"
DEEPEST = 100  #: levels of steps, so that every reader of the flow can follow

#: What helps in a notebook, where a cell that adds steps may run twice.
_RUN_AGAIN = ". To define the flow anew, first run the cell that makes it"


def nothing() -> None:
    """Stands for the function where none is given: None would be the same as what a function returned by mistake."""


class Container(Placed):
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
        when: When | None = None,
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
        - `when`: what must be true, or else the step is not reached: a reference such as `other.result`, a comparison
          such as `other.result["n"] > 0`, several joined with `&`, `|` and `~`, or a function without arguments. It is
          evaluated when the requirement holds; that the steps that it refers to have succeeded is part of that.
        - `setup`, `teardown`: of a container, functions that run before its first iteration and after its last,
          whatever happened; one with arguments is written as a tuple: `(function, argument, ...)`.
        - `requires`, `repeat` and `repeats` are other spellings of `require` and `loop`.

        Raises a `FlowError` if the step could not run as written.
        """
        from sequent.language.step import FlowStep

        if hosts is not None:
            raise FlowError(f"step {name!r}: hosts: this version runs flows on one machine; leave hosts out")
        required = _one_of(name, "require", *(None if _is_empty(given) else given for given in (require, requires)))
        walked = _one_of(name, "loop", loop, repeat, repeats)
        self._check_new_child(name)
        step = FlowStep(
            self, name, func, args, kwargs, required, walked, delay, concurrent, acquires, releases, recovery, config,
            when, None, setup, teardown,
        )  # fmt: skip
        self.children[name] = step
        return step

    def add_wait(
        self,
        name: str,
        require: Requirement | None = (),
        *,
        timeout: float | None = None,
        default: object = NOTHING_GIVEN,
        delay: float = 0,
        recovery: Recovery = {},
    ) -> FlowStep:
        """Add a step that waits for a signal from outside, such as somebody's approval; its value is its result.

        It has no function and needs no worker. `flow.signal`, `eventcore.steer`, `sequent signal` or the button on the
        page answers it, also after restarts; who did and when is recorded. After `timeout` seconds without a signal it
        fails or, where there is a `default`, succeeds with that. `require`, `delay` and `recovery` are those of
        `add_step`. Raises a `FlowError` if the wait could not work as written.

            approved = flow.add_wait("approved", require=((report, seq.STEP_SUCCESS),), timeout=3600, default=False)
            flow.add_step("send", send, args=(approved.result,))
        """
        from sequent.language.step import FlowStep

        wait = as_wait(timeout, default, name)
        self._check_new_child(name)
        step = FlowStep(self, name, nothing, (), {}, require, None, delay, 1, (), None, recovery, {}, wait=wait)
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
        when: When | None = None,
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
                concurrent, acquires, releases, recovery, config, hosts, when=when, setup=setup, teardown=teardown,
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


def _is_empty(given: object) -> bool:
    return isinstance(given, tuple) and not given


def _one_of(step: str, what: str, *spellings: Any) -> Any:
    """The argument under the one of its spellings that is not None."""
    given = [one for one in spellings if one is not None]
    if len(given) > 1:
        raise FlowError(f"step {step!r}: {what} is given twice, under two spellings; give it once")
    return given[0] if given else None


for _name in ("add_step", "step"):  # not as decorators: mypy would say less clearly what is wrong with a lambda
    setattr(Container, _name, known_arguments_only(getattr(Container, _name)))
