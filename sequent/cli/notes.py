"""Notes of the store, such as that other users have later runs: one line each on standard error."""

from __future__ import annotations

import logging

import click

from eventcore.record.identity import NOTES


class Notes(logging.Handler):
    """Prints each note once, however often the command asks."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        note = record.getMessage()
        if note not in self._said:
            self._said.add(note)
            click.echo(f"sequent: {note}", err=True)


def print_notes(context: click.Context) -> None:
    """Print notes as long as the command goes on."""
    log = logging.getLogger(NOTES)
    notes, before = Notes(), log.propagate
    log.addHandler(notes)
    log.propagate = False

    def end() -> None:
        log.removeHandler(notes)
        log.propagate = before

    context.call_on_close(end)
