"""What can be found wrong with a program without running it, beyond what loading and building it tell."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from eventcore.act.sendable import unsendable
from eventcore.define import reachability
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Program
from eventcore.record.location import sqlite_path
from eventcore.run.runner import Runner
from visual.outline import outline_of


@dataclass(frozen=True, slots=True)
class Findings:
    """How large a program is, and what is wrong with it."""

    program: str
    steps: int
    containers: int
    errors: list[str]
    warnings: list[str]

    @property
    def text(self) -> str:
        """The summary in a line."""
        size = f"{_counted(self.steps, 'step')}, {_counted(self.containers, 'container')}"
        wrong = [_counted(len(found), word) for found, word in ((self.errors, "error"), (self.warnings, "warning"))
                 if found]  # fmt: skip
        return f"{size}: {' and '.join(wrong) or 'nothing wrong'}"


def findings(runner: Runner) -> Findings:
    """Look a program through; raises the `EventcoreError` of what could not even be built."""
    sqlite_path(runner.store)
    built = runner._build()
    nodes = [node for top in outline_of(json.loads(runner.document)) for node in top.walk()]
    warnings = [] if nodes else ["it has no steps, so there is nothing to run; add some with add_step"]
    if built.outline is None and nodes:
        warnings += reachability.warnings(built.program, built.starts)
    warnings += _pools(built.program, runner)
    containers = sum(node.is_container for node in nodes)
    return Findings(
        runner.name, len(nodes) - containers, containers, unsendable(built.program, runner.config), warnings
    )


def findings_data(found: Findings) -> dict[str, Any]:
    """The findings for programs."""
    return {
        "program": found.program, "steps": found.steps, "containers": found.containers, "errors": found.errors,
        "warnings": found.warnings,
    }  # fmt: skip


def _pools(program: Program, runner: Runner) -> list[str]:
    """Pools of the program's file that no step takes from."""
    taken = {pool.name for step in program.steps.values() for pool, _ in step.acquires}
    here = {
        pool.name
        for module in list(sys.modules.values())
        if runner._file is not None and getattr(module, "__file__", None) == runner._file
        for pool in vars(module).values()
        if isinstance(pool, ResourcePool)
    }
    return [
        f"pool {name!r}: no step acquires it, so it limits nothing; name it in a step's acquires or take it out"
        for name in sorted((here | program.pools.keys()) - taken)
    ]


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
