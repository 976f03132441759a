"""`Eventor`: build a program from events, steps and associations, and run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from eventcore.define.config import step_config
from eventcore.define.program import Event, Program, Step
from eventcore.define.sequence import as_sequence
from eventcore.define.written import Acquires, EventExpression, Recovery, Triggers
from eventcore.run.runner import Built, Runner


class Eventor(Runner):
    """A program of events, steps and associations, and its run; for the arguments see `Runner`."""

    def _made(self) -> None:
        self._program = Program(self.name)
        self._starts: dict[tuple[str, str], None] = {}
        self._fresh = 0

    def add_event(self, name: str, expr: EventExpression | None = None) -> Event:
        """Declare an event, unique by its name.

        With `expr`, it is triggered at every sequence at which the expression holds: an event, a tuple or list (and),
        `or_(...)`, `and_(...)`, `&`, `|`, nested to any depth. Raises `ProgramError`.
        """
        return self._program.add_event(name, expr)

    def add_step(
        self,
        name: str,
        func: Callable[..., object] | None = None,
        args: Iterable[object] = (),
        kwargs: Mapping[str, object] = {},
        triggers: Triggers = {},
        acquires: Acquires = (),
        releases: Acquires | None = None,
        recovery: Recovery = {},
        config: Mapping[str, object] = {},
    ) -> Step:
        """Declare a step, unique by its name, that calls `func(*args, **kwargs)`; without `func` it succeeds at once.

        `triggers` maps each `StepStatus` to an event or several to trigger, `recovery` maps it to a `StepReplay`;
        `acquires` and `releases` (default: what it acquired) are pairs of a `ResourcePool` and a count; `config` may
        have the keys of `eventcore.define.config.StepConfig`. Raises `ProgramError` and `ConfigError`.
        """
        own = self.step_config(step_config(config, name), func, name)
        return self._program.add_step(name, func, args, kwargs, triggers, acquires, releases, recovery, own)

    def add_assoc(self, event: Event, *assocs: Event | Step, delay: float = 0) -> None:
        """When `event` is triggered, trigger the events and run the steps of `assocs` after `delay` seconds.

        They get the same sequence. Raises `ProgramError`.
        """
        self._program.add_assoc(event, assocs, delay)

    def trigger_event(self, event: Event | str, sequence: int | str | None = None) -> str:
        """Trigger an event at a sequence, by default a new one; does nothing if it has been triggered there before.

        Before `run`, this is part of the program's start. While the program runs, the event is triggered at once; any
        thread may do that. Returns the sequence. Raises `ProgramError` for an unknown event or an invalid sequence.
        """
        name = self._program.event_named(event, "trigger_event").name
        at = self._fresh_sequence() if sequence is None else as_sequence(sequence)
        self._starts[name, at] = None
        if self._session is not None:
            self._session.trigger(name, at)
        return at

    def _fresh_sequence(self) -> str:
        taken = {sequence for _, sequence in self._starts}
        while True:
            self._fresh += 1
            if str(self._fresh) not in taken:
                return str(self._fresh)

    def _starts_now(self, built: Built) -> tuple[tuple[str, str], ...]:
        return tuple(self._starts)

    def built(self) -> Built:
        """The program as it stands, and what starts it."""
        return Built(self._program, tuple(self._starts))
