"""`sequent graph`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument

FORMATS = ("dot", "mermaid", "svg", "png", "pdf")


@click.command("graph")
@target_argument
@store_option
@run_id_option
@click.option("-o", "--output", metavar="FILE", help="FILE.svg, .png, .pdf, .dot or .mmd; default: standard output.")
@click.option("-f", "--format", "format", type=click.Choice(FORMATS),
              help="Default: by the FILE's ending, on standard output dot.")  # fmt: skip
@click.option("--program", "program_only", is_flag=True, help="Draw the flow without a run.")
@click.option("--kernel", is_flag=True, help="Draw the events and steps that the flow was compiled to.")
@click.option("--unfold", is_flag=True, help="Draw each step, also in a graph too large to be read.")
@click.option("--param", "parameters", metavar="NAME=VALUE", multiple=True,
              help="A parameter of the function that builds the flow.")  # fmt: skip
def command(target: str, store: str | None, run_id: str | None, output: str | None, format: str | None,
            program_only: bool, kernel: bool, unfold: bool, parameters: tuple[str, ...]) -> int:  # fmt: skip
    """Draw the latest run of TARGET, or the flow itself where it has not run.

    Without Graphviz on the machine, FILE's name is written with .dot and .mmd instead, and the exit code is 2.
    """
    from sequent.cli.drawing import Wanted, write

    picture = Wanted(target, store, run_id, program_only, parameters, kernel, unfold).picture()
    if output is None:
        click.echo(picture.render(format or "dot"), nl=False)
    else:
        write(picture, output, format)
        click.echo(f"wrote {output}")
    return 0
