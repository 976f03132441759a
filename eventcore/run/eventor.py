"""`Eventor`: build a program from events, steps and associations, and run it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from itertools import count

from eventcore.decide.sequences import Sequences
from eventcore.define.config import step_config
from eventcore.define.event import Event
from eventcore.define.program import Program, Step
from eventcore.define.sequence import as_sequence
from eventcore.define.status import RunMode
from eventcore.define.written import Acquires, EventExpression, Recovery, Triggers
from eventcore.errors import ConfigError, StoreError
from eventcore.run.built import Built
from eventcore.run.runner import Runner
from eventcore.run.waiting import Triggered


class Eventor(Runner):
    """A program of events, steps and associations, and its run; for the arguments see `Runner`."""

    def _made(self) -> None:
        self._program = Program(self.name)
        self._starts: dict[tuple[str, str], None] = {}
        self._numbers = count(1)
        self._asked: Container[str] | None = None  #: the sequences at which users trigger something, once they are read

    def add_event(self, name: str, expr: EventExpression | None = None) -> Event:
        """Declare an event, unique by its name.

        With `expr`, it is triggered at every sequence at which the expression holds: an event, a tuple or list (and),
        `or_(...)`, `and_(...)`, `&`, `|`, nested up to 200 levels deep. Raises `ProgramError`.
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
        if own.must_run:
            raise ConfigError(f"step {name!r}, config: must_run is for flows, where it is known what cannot run")
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
        session = self._session  # the run may end meanwhile, in another thread
        sequences = Sequences() if session is None else session.sequences
        at = self._fresh_sequence(sequences) if sequence is None else as_sequence(sequence)
        sequences.take(at, by_program=True)
        self._starts[name, at] = None
        if session is not None:
            session.tell(Triggered(name, at))
        return at

    def _fresh_sequence(self, sequences: Sequences) -> str:
        taken = {sequence for _, sequence in list(self._starts)}
        asked = self._asked_sequences()
        numbers = map(str, self._numbers)
        return next(at for at in numbers if at not in taken and at not in asked and sequences.take(at, by_program=True))

    def _asked_sequences(self) -> Container[str]:
        """The sequences at which users trigger something in the run that is to go on; an engine knows by itself."""
        if self._session is not None:
            return ()
        if self._asked is None:
            self._asked = self._read_asked()
        return self._asked

    def _read_asked(self) -> set[str]:
        from eventcore.record.registry import backend_of
        from eventcore.record.requests import asked_sequences

        request = self._present()
        is_new = request.mode is RunMode.restart and not request.is_entered
        if is_new or (self._memory is None and not backend_of(self._location).is_shared):
            return set()
        try:
            store = self._open(create=False)
        except StoreError:  # the run says so
            return set()
        try:
            return asked_sequences(store.connection, store.find_run(self.name, request.run_id).id)
        except StoreError:
            return set()
        finally:
            self._close_store(store)

    def _starts_now(self, built: Built) -> tuple[tuple[str, str], ...]:
        return tuple(self._starts)

    def built(self) -> Built:
        """The program as it stands, and what starts it."""
        self._asked = None  # a run may begin now, and its users may ask for more
        return Built(self._program, tuple(self._starts))
