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
    """Show the runs of TARGET on a page that follows them as they happen and steers them, until Ctrl-C.

    The page is on this machine's loopback and for who has the token in the printed address.
    """
    from sequent.cli.serving import serving

    return serving(target, store, port, is_opened)
