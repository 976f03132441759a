"""`sequent check`: finds errors in a program without running it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from sequent.cli.exit_codes import EXIT_USAGE
from sequent.cli.options import json_option, parameter_option, setting_option, target_argument

if TYPE_CHECKING:
    from eventcore.define.program import Program
    from eventcore.run.runner import Runner


@click.command("check")
@target_argument
@setting_option
@parameter_option
@json_option
def command(target: str, settings: tuple[str, ...], parameters: tuple[str, ...], as_json: bool) -> int:
    """Check TARGET without running it: its structure, its configuration, and steps that can never be reached."""
    from sequent.cli.execution import settings_of
    from sequent.cli.output import print_json
    from sequent.cli.parameters import TargetError, pairs
    from sequent.cli.target import last_words, load_program, parse_target

    parsed, given = parse_target(target), pairs(parameters, "--param")
    try:
        program = load_program(parsed, given)
    except SystemExit as error:
        raise TargetError(f"{target} cannot be loaded: {last_words(error)}") from None
    program.configure(settings_of(settings))
    found = findings(program)
    if as_json:
        print_json(msgspec.structs.asdict(found))
    else:
        _print(found)
    return EXIT_USAGE if found.errors else 0


def _print(found: Findings) -> None:
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    for wrong in found.errors:
        click.echo(f"sequent: {wrong}", err=True)
    if not found.errors:
        click.echo(f"{_counted(found.steps or 0, 'step')}, {_counted(found.containers or 0, 'container')}: "
                   f"{_counted(len(found.warnings), 'warning') if found.warnings else 'nothing wrong'}")  # fmt: skip


class Findings(msgspec.Struct, frozen=True):
    """The size of a program, as far as it can be built, and the errors and warnings found in it."""

    program: str
    steps: int | None
    containers: int | None
    errors: list[str]
    warnings: list[str]


def findings(runner: Runner) -> Findings:
    """Check a program; raises the `EventcoreError` of a store or of a program of the kernel that cannot be used."""
    from eventcore.define import reachability
    from eventcore.define.stored import read
    from eventcore.errors import ConfigError, ProgramError
    from eventcore.record.lengths import too_long
    from eventcore.record.registry import backend_of
    from visual.outline import flat_outline_of

    backend = backend_of(runner.store)
    errors = runner.problems()
    try:
        built = runner.built()
    except (ProgramError, ConfigError):
        if not errors:
            raise
        return Findings(runner.name, None, None, errors, [])
    errors += too_long(backend, built.program, runner.run_id, (sequence for _, sequence in built.starts))
    stored = read(runner.document)
    nodes = flat_outline_of(stored)
    warnings = [] if nodes else ["it has no steps, so there is nothing to run; add some with add_step"]
    if nodes and not stored.is_flow:
        warnings += reachability.warnings(built.program, built.starts)
    warnings += _pools(built.program, runner)
    containers = sum(node.is_container for node in nodes)
    return Findings(runner.name, len(nodes) - containers, containers, errors, warnings)


def _pools(program: Program, runner: Runner) -> list[str]:
    """Warnings for pools of the program's file that no step uses."""
    from eventcore.define.pools import ResourcePool

    taken = {pool.name for step in program.steps.values() for pool, _ in step.acquires}
    here = {
        pool.name
        for module in list(sys.modules.values())
        if runner.file is not None and getattr(module, "__file__", None) == runner.file
        for pool in vars(module).values()
        if isinstance(pool, ResourcePool)
    }
    return [
        f"pool {name!r}: no step acquires it, so it limits nothing; name it in a step's acquires or remove it"
        for name in sorted((here | program.pools.keys()) - taken)
    ]


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
