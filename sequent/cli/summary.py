"""What is printed when a run is over: what failed, its state, and how to continue."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import click

from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus
from eventcore.define.stored import StoredStep
from eventcore.record.reading import Reader, reading
from eventcore.record.views import InstanceView, RunView
from eventcore.run.next_action import next_action, reference
from visual.instances import Instances
from visual.reading import failures

MOST = 5  #: failures that are told


def tell_end(location: str, run_id: str | None) -> None:
    """Print how the run ended, and what failed, first what nothing handled."""
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        steps = reader.program(run).step_named
        found = failures(reader, run, 10 * MOST)
        shown = [failure for failure in found if _is_news(failure, run, steps)]
        told = sorted(shown, key=lambda failure: steps[failure.step].handled)[:MOST]
        instances = Instances(reader, run)
        names = [instances.name(failure.step, failure.sequence, failure.recovery) for failure in told]
        more = max(len(shown), _failed(reader, run, found, shown)) - len(told)
    for name, failure in zip(names, told, strict=True):
        word = "failed, and handled" if steps[failure.step].handled else "failed"
        click.echo(f"{word}: {name}: {plain(headline(failure.error or ''))}")
    if more > 0:
        this = reference(location, run.run_id, run.origin.get("target"))
        click.echo(f"and {more} more; to see all, run: sequent logs --failed {this}")
    click.echo(f"run {plain(run.run_id)}: {run.state}")
    action = next_action(run, location)
    if action is not None:
        click.echo(action)


def _failed(reader: Reader, run: RunView, found: Sequence[InstanceView], shown: Iterable[InstanceView]) -> int:
    """How many instances failed of the steps of which some are shown; 0 if all failures of the run were found."""
    if not found:
        return 0
    failed = {step: tally.counts.get(TaskStatus.failure, 0) for step, tally in reader.tallies(run).items()}
    if sum(failed.values()) <= len(found):
        return 0
    return sum(failed.get(step, 0) for step in {failure.step for failure in shown})


def handled_failures(reader: Reader, run: RunView) -> list[str]:
    """The steps with failures that count and were handled."""
    steps = reader.program(run).step_named
    failed = [steps[failure.step] for failure in failures(reader, run, 10 * MOST) if failure.step in steps]
    return list(dict.fromkeys(step.path for step in failed if step.handled and not step.is_hidden))


def _is_news(failure: InstanceView, run: RunView, steps: Mapping[str, StoredStep]) -> bool:
    """Whether it says something, of a step of the program; what earlier recoveries handled is old news."""
    step = steps.get(failure.step)
    if step is None or step.is_hidden or failure.error is None:
        return False
    return failure.recovery == run.recovery or not step.handled
