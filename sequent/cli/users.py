"""Whose runs a command is about: one's own, unless it says all users'."""

from __future__ import annotations

from collections.abc import Sequence

import click

from eventcore.define.plain import plain
from eventcore.record.identity import user
from eventcore.record.views import RunView

MOST = 3  #: other users that are named


def own(runs: Sequence[RunView]) -> list[RunView]:
    """Those of the runs that the user started."""
    me = user()
    return [run for run in runs if run.user == me]


def tell_others(runs: Sequence[RunView]) -> None:
    """Say in a line that there are runs of others, if there are."""
    me = user()
    others = [run.user for run in runs if run.user != me]
    if not others:
        return
    names = sorted(set(others))
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    what = "1 run" if len(others) == 1 else f"{len(others)} runs"
    click.echo(
        f"sequent: left out: {what} of {', '.join(map(plain, names[:MOST]))}{more}; to include them, add --all-users",
        err=True,
    )
