"""`Sequent`: a flow of nested steps, and its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from eventcore.define.reference import Reference
from eventcore.errors import ConfigError, EventcoreError, ProgramError
from eventcore.run.built import Built
from eventcore.run.runner import Runner
from eventcore.uncollected import uncollected
from sequent.errors import CombinedError, FlowError
from sequent.language.container import Container
from sequent.language.open_loops import Stream, Until, pulling
from sequent.language.step import FlowStep

if TYPE_CHECKING:
    from networkx import DiGraph


class Sequent(Runner, Container):
    """A flow of nested steps; for the arguments see `eventcore.run.runner.Runner`.

    Build it with `add_step` and `add_event`, then `run` it, which is the same as calling it. Called again, it goes
    on with the same run; `run(run_mode=RunMode.recover)` recovers that, `RunMode.restart` makes a new one.

        flow = seq.Sequent()
        days = flow.add_step("days", loop=["mon", "tue"])
        load = days.add_step("load", print, args=(days.item,))
        flow.add_step("report", print, require=((days, seq.STEP_SUCCESS),))
    """

    _config_tag = "SEQUENT"
    _defaults: Mapping[str, object] = {"envvar_prefix": "SEQUENT_"}

    def _made(self) -> None:
        Container.__init__(self)

    def check(self) -> None:
        """Check the flow without running it; raises a `FlowError` if anything is found.

        That is what `run` would refuse, and what would only show in the run: see `problems`. If it is more than one
        thing, the error is a `sequent.errors.CombinedError`.
        """
        refused = self._refused()
        found = [*map(str, refused), *self._doubtful()]
        if len(found) > 1:
            raise CombinedError(found)
        if refused:
            raise refused[0]
        if found:
            raise FlowError(found[0])

    def problems(self) -> list[str]:
        """All that is wrong with the flow, each as a sentence with the place and the remedy.

        Besides what `run` refuses, this is arguments that do not fit their function, what cannot be sent to a worker, a
        function that is None by mistake, and a use of the result of a step that has no function or runs a command.
        """
        return [*map(str, self._refused()), *self._doubtful()]

    def _refused(self) -> list[EventcoreError]:
        """What `run` would refuse, as far as one thing does not hide another."""
        with _networkx_needed():
            from sequent.compiler.requirements import requirement_errors
        found: list[EventcoreError] = []
        for step in self.walk():
            try:
                self._check_step(step)
            except (ProgramError, ConfigError) as error:
                found.append(error)
        if found:
            return [*found, *requirement_errors(self)]
        try:
            self.built()
        except (ProgramError, ConfigError) as error:
            return list(requirement_errors(self)) or [error]
        return []

    def _doubtful(self) -> list[str]:
        """What would only show in the run."""
        from eventcore.act.executors.callees import Callee, problems
        from sequent.language.mistakes import mistakes

        found, called = list[str](), list[Callee]()
        for step in self.walk():
            found += mistakes(step)
            construct = self.config.of_step(step.config, "task_construct")
            if step.func is not None:
                called.append(Callee(step.path, "function", step.func, step.args, step.kwargs, construct))
            for what, call in step.around.items():
                called.append(Callee(step.path, what, call.func, call.args, {}, construct))
            if isinstance(step.loop, Until) and not isinstance(step.loop.condition, (Reference, NoneType)):
                called.append(Callee(step.path, "condition", step.loop.condition, (), {}, construct))
            if isinstance(step.loop, Stream):
                args = (0,) if pulling(step.loop)[0].wants_number else ()
                called.append(Callee(step.path, "loop", step.loop.function, args, {}, "thread"))
            if step.computes_loop:
                called.append(Callee(step.path, "loop", step.loop, (), {}, construct))
            if callable(step.when):
                called.append(Callee(step.path, "when", step.when, (), {}, construct))
        return [*found, *problems(called)]

    @uncollected()
    def graph(self) -> DiGraph[tuple[str, str]]:
        """The flow as a directed graph of networkx; changing it does not change the flow.

        Nodes are `(path, "start")` and `(path, "end")`, edges go from what comes first to what comes later; the
        reference names the attributes of both. Raises the `FlowError`s of `check`.

            import networkx

            flow = seq.Sequent()
            load = flow.add_step("load")
            flow.add_step("send", require=((load, seq.STEP_SUCCESS),))
            networkx.ancestors(flow.graph(), ("send", "start"))  # {("load", "end"), ("load", "start")}
        """
        self._check_steps()
        with _networkx_needed():
            from sequent.compiler.moments import moments
            from sequent.compiler.requirements import requirements
        return moments(self, requirements(self))

    @uncollected()
    def built(self) -> Built:
        """See `Runner`."""
        self._check_steps()
        with _networkx_needed():
            from sequent.compiler.compile import compiled

        program, start = compiled(self, self.name, self.config)
        return Built(program, (start,))

    def _check_steps(self) -> None:
        for step in self.walk():
            self._check_step(step)

    def _check_step(self, step: FlowStep) -> None:
        step.check_as_built()
        own = step.config if step.loop is None else replace(step.config, deadline=None)  # it is the whole loop's
        self.step_config(own, step.func, step.path)
        for call in step.around.values():
            self.step_config(own, call.func, step.path)


@contextmanager
def _networkx_needed() -> Iterator[None]:
    """Imports the compiler; it needs networkx, which is slow to import and needed only for a run."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "networkx":
            raise
        raise FlowError("flows are compiled with networkx, which is not installed; run: pip install networkx") from None
