"""What `recover --dry-run` prints: what a recovery would do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from eventcore.decide.forecast import StepForecast
from eventcore.decide.rerunning import Rerun
from eventcore.define.plain import plain
from eventcore.define.status import RunMode, TaskStatus
from eventcore.define.stored import read
from eventcore.record.reading import reading
from eventcore.run.rehearsal import Rehearsal, rehearse
from sequent.cli.execution import nothing_to_do, program_for
from sequent.cli.exit_codes import EXIT_NOTHING, EXIT_USAGE
from sequent.cli.output import print_json
from visual.outline import flat_outline_of

MOST_LISTED = 10  #: instances of a step in a line; JSON has a hundred times as many


def tell_recovery(target: str, store: str | None, run_id: str | None, settings: Sequence[str],
                  parameters: Sequence[str], recovery_run: int | None, accept_removed: bool,
                  as_json: bool, rerun: Rerun | None = None) -> int:  # fmt: skip
    """Print what a recovery would do; returns the exit code."""
    program = program_for(RunMode.recover, target, store, run_id, settings, parameters)
    if rerun is None and (nothing := nothing_to_do(program, run_id, RunMode.recover)) is not None:
        click.echo(f"sequent: {nothing}", err=True)
        return EXIT_NOTHING
    told = rehearse(program, run_id or "", recovery_run, rerun)
    with reading(program.store) as reader:
        holder = reader.run(told.run_id, time.time()).holder
    if holder is not None:
        click.echo(
            f"sequent: {holder} is working on the run; it can be recovered once that engine has finished", err=True
        )
    if as_json:
        print_json(_data(told))
    else:
        for line in _lines(told):
            click.echo(line)
    if told.refused and not accept_removed:
        names = ", ".join(map(repr, told.refused))
        click.echo(f"sequent: recover would refuse: the program lost steps that the run has history of: {names}; put "
                   "them back or give --accept-removed", err=True)  # fmt: skip
        return EXIT_USAGE
    return 0


def _lines(told: Rehearsal) -> Iterator[str]:
    if told.differences:
        yield f"the program differs from the one stored with the run: {plain(str(told.differences))}"
    yield f"recovery {told.recovery} of run {plain(told.run_id)}, if nothing fails (this is a dry run):"
    rows = [row for path, known in _by_path(told) for row in _rows(plain(path), known)]
    width = max((len(path) for _, path, _ in rows), default=0)
    for what, path, rest in rows:
        yield f"  {what:<23}  {path:<{width}}  {rest}".rstrip()
    again = sum(len(known.again) for known in told.steps.values())
    first = sum(len(known.first) for known in told.steps.values())
    skipped = sum(len(known.skipped) for known in told.steps.values())
    least = "at least " if told.not_computed else ""
    yield f"to run again: {again}; to run for the first time: {least}{first}; to skip: {skipped}"
    again = sum(len(known.again_if_reached) for known in told.steps.values())
    skipped = sum(len(known.skipped_if_reached) for known in told.steps.values())
    if again or skipped:
        yield f"not counted, because it depends on how other steps end: to run again: {again}; to skip: {skipped}"
    if told.not_computed:
        loops = _listed(f"{path}@{sequence}" for path, sequence in told.not_computed)
        yield f"not counted, because their loops are not computed yet: {loops}"


def _by_path(told: Rehearsal) -> Iterator[tuple[str, StepForecast]]:
    """The steps in the order in which users see them."""
    for node in flat_outline_of(read(told.document)):
        if node.kernel_name in told.steps:
            yield node.path, told.steps[node.kernel_name]


def _rows(path: str, known: StepForecast) -> Iterator[tuple[str, str, str]]:
    if known.again:
        yield "runs again", path, _with_status(known.again)
    if known.first:
        yield "will run when reached", path, _listed(f"@{sequence}" for sequence in known.first)
    if known.skipped:
        yield "skipped", path, _listed(f"@{sequence}" for sequence in known.skipped)
    if known.again_if_reached:
        yield "runs again when reached", path, _with_status(known.again_if_reached)
    if known.skipped_if_reached:
        yield "skipped when reached", path, _listed(f"@{sequence}" for sequence in known.skipped_if_reached)
    if not (known.is_known or known.again_if_reached or known.skipped_if_reached):
        yield "left as it is" if known.is_left else "will run when reached", path, ""


def _with_status(instances: Iterable[tuple[str, TaskStatus]]) -> str:
    return _listed(f"@{sequence} ({status.value})" for sequence, status in instances)


def _listed(instances: Iterable[str]) -> str:
    found = [plain(instance) for instance in instances]
    return " ".join(found) if len(found) <= MOST_LISTED else f"{len(found)} instances"


def _data(told: Rehearsal) -> dict[str, Any]:
    changed = told.differences
    return {
        "run_id": told.run_id,
        "recovery": told.recovery,
        "differences": {
            "added": list(changed.added), "removed": list(changed.removed.values()), "changed": list(changed.changed),
        },
        "refused": list(told.refused),
        "not_computed": [{"path": path, "sequence": sequence} for path, sequence in told.not_computed],
        "steps": [_step_data(path, known) for path, known in _by_path(told)],
    }  # fmt: skip


def _step_data(path: str, known: StepForecast) -> dict[str, Any]:
    instances = [
        *({"sequence": sequence, "will": "run again", "was": status.value} for sequence, status in known.again),
        *({"sequence": sequence, "will": "run when reached", "was": None} for sequence in known.first),
        *({"sequence": sequence, "will": "be skipped", "was": "success"} for sequence in known.skipped),
        *(
            {"sequence": sequence, "will": "run again when reached", "was": status.value}
            for sequence, status in known.again_if_reached
        ),
        *(
            {"sequence": sequence, "will": "be skipped when reached", "was": "success"}
            for sequence in known.skipped_if_reached
        ),
    ]
    return {
        "path": path, "again": len(known.again), "first": len(known.first), "skipped": len(known.skipped),
        "reached": known.is_known, "left": known.is_left, "instances": instances[: 100 * MOST_LISTED],
    }  # fmt: skip
