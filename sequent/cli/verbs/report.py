"""`sequent report`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument


@click.command("report")
@target_argument
@store_option
@run_id_option
@click.option("-o", "--output", metavar="FILE", required=True, help="The HTML file to write.")
def command(target: str, store: str | None, run_id: str | None, output: str) -> int:
    """Write a run of TARGET as one HTML file: graph, timeline, and each instance with its tracebacks and logs."""
    from pathlib import Path

    from sequent.cli.chosen import chosen_run
    from visual.report.build import report

    text = report(*chosen_run(target, store, run_id))
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}; give another FILE") from None
    click.echo(f"wrote {output}")
    return 0
