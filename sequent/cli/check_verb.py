"""`sequent check`."""

from __future__ import annotations

import click

from sequent.cli.options import json_option, parameter_option, setting_option, target_argument


@click.command("check")
@target_argument
@setting_option
@parameter_option
@json_option
def command(target: str, settings: tuple[str, ...], parameters: tuple[str, ...], as_json: bool) -> int:
    """Find what is wrong with TARGET without running it: how it is built, its configuration, what cannot be reached."""
    from sequent.cli.checking import findings, findings_data
    from sequent.cli.main import EXIT_USAGE
    from sequent.cli.running import settings_of
    from sequent.cli.showing import print_json
    from sequent.cli.target import load_program, pairs, parse_target

    program = load_program(parse_target(target), pairs(parameters, "--param"))
    program.configure(settings_of(settings))
    found = findings(program)
    if as_json:
        print_json(findings_data(found))
    else:
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
        if not found.errors:
            click.echo(found.text)
    for error in () if as_json else found.errors:
        click.echo(f"sequent: {error}", err=True)
    return EXIT_USAGE if found.errors else 0
