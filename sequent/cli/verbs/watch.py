"""`sequent watch`: a live tree in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sequent.cli.exit_codes import EXIT_FAILED
from sequent.cli.options import run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from visual.live import Moment
    from visual.live.poller import Poller


@click.command("watch")
@target_argument
@store_option
@run_id_option
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, metavar="S",
              help="Minimum seconds between reads of the store.")  # fmt: skip
def command(target: str, store: str | None, run_id: str | None, interval: float) -> int:
    """Watch a run of TARGET until it is over: a tree in a terminal, one line for each change elsewhere.

    The exit code is the run's. Ctrl-C stops watching, not the run.
    """
    from eventcore.act.system_clock import SystemClock
    from sequent.cli.chosen import chosen_run
    from sequent.cli.summary import tell_end
    from sequent.cli.terminal import is_interactive
    from visual.live.poller import Poller

    location, run_id = chosen_run(target, store, run_id)
    poller = Poller(location, interval, SystemClock(), run_id)
    try:
        last = _in_a_terminal(poller) if is_interactive() else _in_lines(poller, interval)
    except KeyboardInterrupt:
        _leave(poller)
        return EXIT_FAILED
    tell_end(location, last.run.run_id)
    return 0 if last.is_ok else EXIT_FAILED


def _in_a_terminal(poller: Poller) -> Moment:
    from sequent.cli.screen import FRAME, Screen

    poller.look()
    screen = Screen(1, sys.stdout.encoding)
    try:
        while True:
            assert poller.moment is not None
            screen.show(poller.moment, time.time())
            if poller.moment.is_over:
                return poller.moment
            time.sleep(FRAME)
            poller.look_if_due()
    finally:
        screen.close()


def _in_lines(poller: Poller, interval: float) -> Moment:
    from sequent.cli.screen import FRAME
    from visual.live import changes

    shown: Moment | None = None
    while True:
        if poller.look_if_due():
            assert poller.moment is not None
            for line in changes(shown, poller.moment):
                click.echo(line)
            sys.stdout.flush()
            shown = poller.moment
            if shown.is_over:
                return shown
        time.sleep(min(FRAME, interval))


def _leave(poller: Poller) -> None:
    from eventcore.run.next_action import reference

    if poller.moment is None:
        return
    run = poller.moment.run
    this = reference(poller.location, run.run_id, run.origin.get("target"))
    click.echo(f"sequent: stopped watching, the run continues; to watch it again, run: sequent watch {this}", err=True)
