"""`sequent serve`."""

from __future__ import annotations

import click

from sequent.cli.options import store_option, target_argument


@click.command("serve")
@target_argument
@store_option
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port; default: a free one.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in the browser.")
def command(target: str, store: str | None, port: int, is_opened: bool) -> int:
    """Serve a page that shows the runs of TARGET as they happen and can steer them, until Ctrl-C.

    The page is served on loopback, to anyone who has the token in the printed address.
    """
    import time

    from eventcore.record.reading import reading
    from sequent.cli.chosen import chosen_store
    from sequent.cli.target import parse_target

    try:
        from visual.page.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("visual", "eventcore"):
            raise
        raise click.UsageError(
            f"serve needs {error.name}, which is not installed; run: pip install 'sequent-flow[live]'"
        ) from None
    location = chosen_store(parse_target(target), store)
    with reading(location) as reader:
        reader.runs(time.time())
    try:
        serve(location, port, lambda address: _tell(location, address, is_opened=is_opened))
    except OSError as error:
        raise click.UsageError(f"port {port} is not available: {error.strerror}; give another --port") from None
    except KeyboardInterrupt:
        pass
    return 0


def _tell(location: str, address: str, *, is_opened: bool) -> None:
    import webbrowser

    click.echo(f"serving {location} at {address}")
    click.echo(
        "Keep the address to yourself: anyone who has it can steer the runs. Ctrl-C stops the server, not the runs."
    )
    if is_opened:
        webbrowser.open(address)
