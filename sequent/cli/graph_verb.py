"""`sequent graph`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument


@click.command("graph")
@target_argument
@store_option
@run_id_option
@click.option("-o", "--output", metavar="FILE", help="FILE.svg, .png, .pdf or .dot; default: DOT on standard output.")
@click.option("--program", "program_only", is_flag=True, help="Draw the flow without a run.")
@click.option("--param", "parameters", metavar="NAME=VALUE", multiple=True,
              help="A parameter of the function that builds the flow.")  # fmt: skip
def command(target: str, store: str | None, run_id: str | None, output: str | None, program_only: bool,
            parameters: tuple[str, ...]) -> int:  # fmt: skip
    """Draw the latest run of TARGET, or the flow itself where it has not run."""
    from sequent.cli.drawing import picture_of

    picture = picture_of(target, store, run_id, program_only, parameters)
    if output is None:
        click.echo(picture.dot, nl=False)
    else:
        click.echo(f"wrote {picture.save(output)}")
    return 0
