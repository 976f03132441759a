"""What `watch` does: a live tree in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
import time

import click

from sequent.cli.lively import is_lively
from sequent.cli.lookout import Lookout
from sequent.cli.main import EXIT_FAILED
from sequent.cli.telling import named, tell_end
from sequent.cli.terminal import FRAME, Screen
from visual.live import Moment, changes


def watch(location: str, run_id: str | None, interval: float) -> int:
    """Follow the run until no engine works on it; returns the exit code that belongs to its end."""
    lookout = Lookout(location, interval, run_id)
    try:
        last = _in_a_terminal(lookout) if is_lively() else _in_lines(lookout, interval)
    except KeyboardInterrupt:
        _leave(lookout)
        return EXIT_FAILED
    tell_end(location, last.run.run_id)
    return 0 if last.is_ok else EXIT_FAILED


def _in_a_terminal(lookout: Lookout) -> Moment:
    lookout.look()
    screen = Screen(1, sys.stdout.encoding)
    try:
        while True:
            assert lookout.moment is not None
            screen.show(lookout.moment, time.time())
            if lookout.moment.is_over:
                return lookout.moment
            time.sleep(FRAME)
            lookout.look_if_due()
    finally:
        screen.close()


def _in_lines(lookout: Lookout, interval: float) -> Moment:
    shown: Moment | None = None
    while True:
        if lookout.look_if_due():
            assert lookout.moment is not None
            for line in changes(shown, lookout.moment):
                click.echo(line)
            sys.stdout.flush()
            shown = lookout.moment
            if shown.is_over:
                return shown
        time.sleep(min(FRAME, interval))


def _leave(lookout: Lookout) -> None:
    if lookout.moment is None:
        return
    this = named(lookout.location, lookout.moment.run.run_id)
    click.echo(f"sequent: no longer watching, the run goes on; look again with: sequent watch {this}", err=True)
