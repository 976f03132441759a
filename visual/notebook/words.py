"""What a call of `run` means in a notebook, where cells change and are run again: said before the run begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from eventcore.define.differences import changed_code, differences
from eventcore.define.status import RunMode
from eventcore.define.stored import StoredProgram, read
from eventcore.errors import EventcoreError
from eventcore.record.views import RunView
from eventcore.run.cells import outdated
from eventcore.run.rehearsal import rehearse
from eventcore.run.request import Request
from eventcore.run.runner import Runner


def words(program: Runner, request: Request, name: str) -> list[str]:
    """What has changed since the run before, what runs again, and what else could be done; `name` is a variable's."""
    found = list[str]()
    with suppress(EventcoreError):  # the run itself says what is wrong
        found += _outdated(program)
        found += _SAID[request.mode](program, request, name)
    return found


def _outdated(program: Runner) -> Iterator[str]:
    paths = outdated(program.built().program)
    if len(paths) == 1:
        yield (f"Step {paths[0]} runs the function that it was given, which has since been redefined. To use the new "
               "one, run the cell that defines the flow again.")  # fmt: skip
    elif paths:
        yield (f"Steps {', '.join(paths)} run the functions that they were given, which have since been redefined. "
               "To use the new ones, run the cell that defines the flow again.")  # fmt: skip


def _restarted(program: Runner, _: Request, name: str) -> Iterator[str]:
    run, stored = _stored(program, None)
    changed = differences(stored, read(program.document))
    if changed:
        yield f"The program has changed since run {run.run_id} ({changed})."
    if run.state != "success" and not run.is_held:
        yield (f"This is a new run, in which every step runs. To go on with run {run.run_id} instead ({run.state}) and "
               f"keep what succeeded: {name}.run(run_mode='recover', run_id={run.run_id!r})")  # fmt: skip


def _recovered(program: Runner, request: Request, name: str) -> Iterator[str]:
    told = rehearse(program, request.run_id, request.recovery_run, request.rerun)
    _, stored = _stored(program, told.run_id)
    present = read(told.document)
    if told.differences:
        yield f"The program has changed since run {told.run_id} ran last ({told.differences})."
    known, least = told.steps.values(), "at least " if told.not_computed else ""
    again, first, kept = (sum(map(len, found)) for found in (
        [step.again for step in known], [step.first for step in known], [step.skipped for step in known]
    ))  # fmt: skip
    yield (f"Recovery {told.recovery}: {again} to run again, {least}{first} to run for the first time, {kept} done and "
           "kept.")  # fmt: skip
    for path in changed_code(stored, present):
        own = sum(len(told.steps[step.name].skipped) for step in present.visible()
                  if step.path == path and step.name in told.steps)  # fmt: skip
        if own:
            yield (f"{path} succeeded {_times(own)} with its old code, and that is kept; to run it again: "
                   f"{name}.rerun({path!r})")  # fmt: skip


def _continued(program: Runner, request: Request, name: str) -> Iterator[str]:
    _, stored = _stored(program, request.run_id or None)
    changed = differences(stored, read(program.document))
    if changed:
        yield (f"The program has changed since the run ({changed}). What succeeded is kept; to run a step again: "
               f"{name}.rerun(PATH), to run everything again: {name}.run(run_mode='restart')")  # fmt: skip


def _stored(program: Runner, run_id: str | None) -> tuple[RunView, StoredProgram]:
    """A run of the program, or the user's latest, and the program as it was then."""
    with program.reading() as reader:
        run = reader.run(run_id, time.time(), program.name)
        return run, reader.program(run)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_SAID: Mapping[RunMode, Callable[[Runner, Request, str], Iterator[str]]] = {
    RunMode.restart: _restarted,
    RunMode.recover: _recovered,
    RunMode.continue_: _continued,
}
