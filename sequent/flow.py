"""`Sequent`: a flow of nested steps, and its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventcore.run.runner import Built, Runner
from sequent.language.step import Container


class Sequent(Runner, Container):
    """A flow of nested steps; for the arguments see `eventcore.run.runner.Runner`.

    Build it with `add_step` and `add_event`, then `run` it, which is the same as calling it. Called again, it goes
    on with the same run; `run(run_mode=RunMode.recover)` recovers that, `RunMode.restart` makes a new one.

    >>> flow = Sequent()
    >>> days = flow.add_step("days", loop=["mon", "tue"])
    >>> load = days.add_step("load", print, args=(days.item,))
    >>> flow.add_step("report", print, require=((days, StepStatus.success),))  # doctest: +SKIP
    """

    _config_tag = "SEQUENT"
    _defaults: Mapping[str, Any] = {"envvar_prefix": "SEQUENT_"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Container.__init__(self)
        Runner.__init__(self, *args, **kwargs)

    def check(self) -> None:
        """Find whatever can be found wrong without running; raises `FlowError`s."""
        self._build()

    def _build(self) -> Built:
        for step in self.walk():
            step.check_as_built()
            self._step_config(step.config, step.func, step.path)
        from sequent.compiler.compile import compiled  # with networkx behind it, and only a run needs it

        program, start, outline = compiled(self, self.name, self.config)
        return Built(program, (start,), outline)
