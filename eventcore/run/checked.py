"""What can be found wrong with a program without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.act.executors.registry import executor_class, with_construct
from eventcore.define.config import Config, StepConfig
from eventcore.define.resident import Resident
from eventcore.errors import ProgramError

if TYPE_CHECKING:
    from eventcore.run.built import Built


class Checked(Resident):
    """A program that can be checked, and that cannot be sent to a worker."""

    name: str
    _config: Config

    def built(self) -> Built:
        """The program as it stands; raises `ProgramError` for what cannot run."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """What is wrong with it, each as a sentence with the place and the remedy.

        Besides what `run` refuses, this is arguments that do not fit their function, and what cannot be sent to a
        worker. Raises the `ProgramError` of a program that cannot be built.
        """
        from eventcore.act.executors.callees import callees, problems

        return list(problems(callees(self.built().program, self._config)))

    def step_config(self, own: StepConfig, func: object, name: str) -> StepConfig:
        """A step's own config, checked beside the program's; raises `ConfigError` and `ProgramError`."""
        own = with_construct(own, f"step {name!r}, config")
        limited = "deadline" if own.deadline is not None else "timeout"
        if func is not None and (own.deadline or self._config.of_step(own, "timeout")) is not None:
            construct = self._config.of_step(own, "task_construct")
            if not executor_class(construct).keeps_time:
                raise ProgramError(
                    f"step {name!r}: a step run by {construct!r} cannot have a {limited}; use 'process', 'thread' or "
                    "'async'"
                )
        return own

    def _why_resident(self) -> str:
        return f"it has program {self.name!r} in it, as each method of the program has; pass what the step needs of it"
