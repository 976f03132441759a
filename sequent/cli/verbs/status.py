"""`sequent status`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sequent.cli.options import json_option, path_argument, run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from rich.text import Text

    from eventcore.record.reading import Reader
    from eventcore.record.views import InstanceView, RunView
    from visual.live.tree import Shown
    from visual.outline import StepNode

FEW = 60  #: failed steps of which the failures are read one by one
EACH = 10  #: failures of each that are read then
SHOWN = 3  #: instances of each that wait for units
LISTED = 200  #: failures in JSON


@click.command("status")
@target_argument
@path_argument("path", "[PATH]", required=False)
@store_option
@run_id_option
@click.option("--failed", is_flag=True, help="Only steps that failed or were interrupted.")
@click.option("--active", is_flag=True, help="Only steps that are running.")
@click.option("--unfold", is_flag=True, help="Every step, however many there are.")
@json_option
def command(target: str, path: str | None, store: str | None, run_id: str | None, failed: bool, active: bool,
            unfold: bool, as_json: bool) -> int:  # fmt: skip
    """Show the state of a run of TARGET: the tree of its steps, or of those at PATH, with states, counts and times.

    Of more than 60 steps, the first line counts them by state, and only those that failed or are running are shown.
    """
    import time

    from eventcore.define.program import Role
    from eventcore.record.answering import answers, open_answers
    from eventcore.record.reading import reading
    from eventcore.run.next_action import next_action
    from sequent.cli.chosen import chosen_run
    from sequent.cli.output import print_fitted, print_json
    from visual.instances import Instances
    from visual.live.tree import answer_lines, error_lines, run_tree

    location, run_id = chosen_run(target, store, run_id)
    with reading(location) as reader:
        now = time.time()
        run = reader.run(run_id, now)
        shown = _shown(reader, run, path, failed=failed, active=active, unfold=unfold or as_json)
        if as_json:
            print_json(_data(reader, run, location, shown))
        else:
            errors = error_lines(run, shown.nodes, _failures(reader, run, shown), Instances(reader, run))
            program = reader.program(run)
            if any(step.role is Role.wait for step in program.steps):
                unseen = open_answers(reader.connection, run)
                given = answer_lines(shown.nodes, shown.standings, answers(reader.connection, run, program), unseen)
                errors |= {name: [*lines, *errors.get(name, [])] for name, lines in given.items()}
            if program.shared:
                given = _waiting(reader, run, now)
                errors |= {name: [*lines, *errors.get(name, [])] for name, lines in given.items()}
            print_fitted(run_tree(run, shown, errors, reader.outstanding(run), now))
            if (action := next_action(run, location)) is not None:
                click.echo(action)
    return 0


def _waiting(reader: Reader, run: RunView, now: float) -> dict[str, list[Text]]:
    """What waits for units that other runs share, and who has them, a few instances for each of the kernel's steps."""
    from rich.text import Text

    from visual.live.tree import STYLES
    from visual.reasons.known import Known
    from visual.reasons.units import waits_for_shared

    found = waits_for_shared(Known(reader, run, now), SHOWN)
    return {name: [Text(line, style=STYLES["ready"]) for line in lines] for name, lines in found.items()}


def _shown(reader: Reader, run: RunView, path: str | None, *, failed: bool, active: bool, unfold: bool) -> Shown:
    """What the tree shows."""
    from visual.live import selection
    from visual.live.tree import Shown
    from visual.outline import outline_of
    from visual.reading import standings, unreached

    nodes = outline_of(reader.program(run))
    scope = nodes if path is None else (_at(path, nodes, run),)
    known, nothing = standings(reader, run), unreached(run)
    states = (*(selection.FAILED if failed else ()), *(selection.ACTIVE if active else ()))
    if states:
        chosen = selection.in_states(scope, known, nothing, states)
    else:
        chosen = selection.everything(scope, known, nothing) if unfold else selection.in_short(scope, known, nothing)
    return Shown(nodes, known, nothing, chosen)


def _at(path: str, nodes: Iterable[StepNode], run: RunView) -> StepNode:
    from sequent.cli.instances import named_instance
    from sequent.cli.parameters import TargetError

    known = {node.path: node for top in nodes for node in top.walk()}
    named = named_instance(path, known, run)
    if named.sequence is not None:
        raise TargetError(
            f"status shows steps, not instances: name {named.path!r}, or look at {path!r} with sequent why"
        )
    return known[named.path]


def _failures(reader: Reader, run: RunView, shown: Shown) -> list[InstanceView]:
    """Failures of the steps that are shown, a few of each."""
    named = [(name, shown.standings.get(name)) for node in shown.chosen for name in node.kernel_names]
    failed = [name for name, known in named if known is not None and (known.counts.get("failure") or known.before)]
    if len(failed) > FEW:
        return _failed(reader, run, None, None)
    return [failure for name in failed for failure in _failed(reader, run, name, EACH)]


def _failed(reader: Reader, run: RunView, step: str | None, limit: int | None) -> list[InstanceView]:
    """What failed, and behind it what failed in earlier recoveries and has not been reached since."""
    from eventcore.define.status import TaskStatus

    failed = (TaskStatus.failure,)
    found = reader.instances(run, step=step, statuses=failed, since=run.counts_from, limit=limit)
    if run.counts_from:
        every = reader.instances(run, step=step, statuses=failed, limit=limit)
        found += [failure for failure in every if not failure.counts_in(run)]
    return found


def _data(reader: Reader, run: RunView, store: str, shown: Shown) -> dict[str, Any]:
    """A run with its steps for programs."""
    from eventcore.record.answering import answers
    from sequent.cli.output import run_data
    from visual.instances import Instances
    from visual.live.selection import with_containers
    from visual.outline import handled_steps

    paths = {name: node.path for node in shown.chosen for name in node.kernel_names}
    visible = with_containers(shown.nodes, shown.selection.paths)
    instances = Instances(reader, run)
    is_whole = shown.selection.is_all and len(visible) == sum(1 for top in shown.nodes for _ in top.walk())
    failures = [one for one in _failed(reader, run, None, LISTED if is_whole else None) if one.step in paths]

    def step_data(node: StepNode) -> dict[str, Any]:
        standing = shown.standings.get(node.kernel_name, shown.unreached)
        return {
            "path": node.path, "state": standing.state, "counts": dict(standing.counts), "seconds": standing.seconds,
            "loop": None if node.loop is None else str(node.loop),
            "before": [msgspec.structs.asdict(one) for one in standing.before],
            "progress": None if standing.progress is None else msgspec.structs.asdict(standing.progress),
            "steps": [step_data(child) for child in node.children if child.path in visible],
        }  # fmt: skip

    handled = handled_steps(shown.nodes)

    def failure_data(f: InstanceView) -> dict[str, Any]:
        return {
            "path": paths[f.step], "sequence": f.sequence, "items": instances.items(f.step, f.sequence, f.recovery),
            "recovery": f.recovery, "try": f.try_number, "error": f.error, "handled": f.step in handled,
        }  # fmt: skip

    return {
        **run_data(run, store, *reader.outstanding(run)),
        "states": dict(shown.selection.counts),
        "steps": [step_data(node) for node in shown.nodes if node.path in visible],
        "answers": [
            {"path": path, "sequence": sequence, "by": by, "at": at}
            for (path, sequence), (by, at) in answers(reader.connection, run, reader.program(run)).items()
        ],
        "failures": [failure_data(one) for one in failures if one.counts_in(run)][:LISTED],
        "failures_before": [failure_data(one) for one in failures if not one.counts_in(run)][:LISTED],
    }
