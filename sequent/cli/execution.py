"""What `run`, `recover` and `continue` have in common: load the program, run it, print how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import click
import msgspec

from eventcore.define.differences import differences
from eventcore.define.plain import plain, quoted
from eventcore.define.status import RunMode
from eventcore.define.stored import read
from eventcore.define.suggestions import some_of
from eventcore.errors import RunNotFoundError, StoreError
from eventcore.record import requests
from eventcore.record.reading import Reader, reading
from eventcore.record.registry import backend_of
from eventcore.record.views import RunView
from eventcore.run.next_action import next_action, reference
from eventcore.run.runner import Runner
from sequent.cli.chosen import parameters_of_run
from sequent.cli.exit_codes import EXIT_FAILED, EXIT_NOTHING
from sequent.cli.lost_output import loss_accepted
from sequent.cli.parameters import TargetError, pairs
from sequent.cli.summary import handled_failures, tell_end
from sequent.cli.target import Target, load_program, parse_target, store_beside
from sequent.cli.terminal import is_interactive
from sequent.cli.unfinished import tell_left, tell_left_by_run

Around = Callable[[Runner], AbstractContextManager[None]]


def run_program(mode: RunMode, *, detach: bool = False, quiet: int = 0, plain: bool = False,
                **options: Any) -> int:  # fmt: skip
    """Run the target's program in a mode, in the background with `detach`; returns the exit code.

    With `quiet` 1, no progress is shown; with 2, nothing but warnings and errors. With `tells_left`, a line says which
    runs the command could have served, too.
    """
    if detach:
        from sequent.cli.background import detached

        return detached(
            lambda background: _run(mode, background.begun, quiet=min(quiet, 1), **options), options["target"]
        )
    around = _in_full if plain else _viewed if is_interactive() and not quiet else _unseen
    return _run(mode, around, quiet=quiet, **options)


def _run(mode: RunMode, around: Around, target: str, store: str | None, run_id: str | None, settings: Sequence[str],
         parameters: Sequence[str], quiet: int, verbose: bool, tells_left: bool = False,
         **more: Any) -> int:  # fmt: skip
    program = program_for(mode, target, store, run_id, settings, parameters)
    if quiet:
        program.configure({"logging_level": max(program.config.logging_level, logging.WARNING)})
    if verbose:
        program.configure({"verbose": True})
    if quiet > 1:
        program.configure({"console": program.config.console and "quiet"})
    code = _carried_out(mode, around, program, run_id, quiet, **more)
    if tells_left and run_id is None:
        tell_left(mode, target, program.store)
    return code


def _carried_out(mode: RunMode, around: Around, program: Runner, run_id: str | None, quiet: int, max_loops: int,
                 **more: Any) -> int:  # fmt: skip
    """Run the program, unless there is nothing to do, and print how that ended; returns the exit code."""
    goes_on = mode is not RunMode.restart and "rerun" not in more
    if goes_on and (nothing := nothing_to_do(program, run_id, mode)) is not None:
        if quiet < 2:
            click.echo(f"sequent: {nothing}", err=True)
        return EXIT_NOTHING
    try:
        with around(program):
            ok = program.run(max_loops, run_mode=mode, run_id=run_id or "", **more)
    except KeyboardInterrupt:
        if not _is_recorded(program):
            raise
        with reading(program.store) as reader:
            action = next_action(reader.run(program.run_id, time.time()), program.store)
        click.echo(f"sequent: interrupted{'' if action is None else f'; {action.advice}: {action.command}'}", err=True)
        raise click.exceptions.Exit(EXIT_FAILED) from None  # what else the command was to do is left, too
    if backend_of(program.store).is_shared:
        with loss_accepted():
            if (quiet < 2 or not ok) and (more.get("overlap") != "skip" or _is_recorded(program)):
                tell_end(program.store, program.run_id)
            if more.get("overlap", "allow") != "allow":
                tell_left_by_run(program)
    return 0 if ok else EXIT_FAILED


def _viewed(program: Runner) -> AbstractContextManager[None]:
    from sequent.cli.live_view import live_view

    return live_view(program)


def _in_full(program: Runner) -> AbstractContextManager[None]:
    """As if the output were piped."""
    if program.config.console is True:
        program.configure({"console": "full"})
    return nullcontext()


def _unseen(_: Runner) -> AbstractContextManager[None]:
    return nullcontext()


def _is_recorded(program: Runner) -> bool:
    """Whether its run has begun, and is still there."""
    if not program.run_id or not backend_of(program.store).is_shared:
        return False
    with suppress(StoreError), reading(program.store) as reader:
        return bool(reader.run(program.run_id, time.time()))
    return False


def program_for(mode: RunMode, target: str, store: str | None, run_id: str | None, settings: Sequence[str],
                parameters: Sequence[str]) -> Runner:  # fmt: skip
    """The target's program with its settings; to go on with a run, built with the run's parameters."""
    parsed, given = parse_target(target), pairs(parameters, "--param")
    if mode is RunMode.restart or parsed.store is not None:
        is_new = mode is RunMode.restart
        program = _loaded(parsed, given, store, None if is_new else run_id, tells_rest=is_new)
    else:
        guess = store or (None if parsed.file is None else str(store_beside(parsed.file)))
        used = {**parameters_of_run(parsed, guess, run_id), **given}
        program = _loaded(parsed, used, store)
        own = {**parameters_of_run(parsed, program.store, run_id, program.name), **given}
        if own != used:  # only the program itself says which store, and which run in it
            program = _loaded(parsed, own, store)
    program.configure(settings_of(settings))
    return program


def _loaded(target: Target, parameters: Mapping[str, str], store: str | None, run_id: str | None = None, *,
            tells_rest: bool = False) -> Runner:  # fmt: skip
    program = load_program(target, parameters, run_id, tells_rest=tells_rest)
    if store is not None:
        program.use_store(store)
    return program


def settings_of(texts: Sequence[str]) -> dict[str, object]:
    """The configuration keys that `--set` names."""
    return {key: _value(text) for key, text in pairs(texts, "--set").items()}


def _value(text: str) -> object:
    """A number, true, false, null or JSON where the text is that; else the text itself."""
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value


def nothing_to_do(program: Runner, run_id: str | None, mode: RunMode) -> str | None:
    """Why there is nothing to continue, None if there is something."""
    if not backend_of(program.store).is_shared:
        raise TargetError(
            "the program keeps its runs in memory only, so no other command can find one; give it a store file"
        )
    with reading(program.store) as reader:
        try:
            run = reader.run(run_id, time.time(), program.name)
        except RunNotFoundError:  # the run itself says so
            return None
        if run.state != "success" or requests.is_any_open(reader.connection, run.id):
            return None
        if differences(reader.program(run), read(program.document)):
            return None
        is_partial = run.is_mixed or requests.is_part_cancelled(reader.connection, run.id, run.started)
        if mode is RunMode.recover and is_partial:
            return None
        verb = "recover" if mode is RunMode.recover else "continue"
        return (
            f"nothing to {verb}: run {run.run_id!r} has already succeeded; `sequent run` starts a new one"
            f"{_to_rerun(reader, run)}"
        )


def _to_rerun(reader: Reader, run: RunView) -> str:
    """How to run again what failed in a run that succeeded, because the failures were handled; empty if none did."""
    paths = handled_failures(reader, run)
    if not paths:
        return ""
    command = f"sequent rerun {reference(reader.location, run.run_id, run.origin.get('target'))}"
    if len(paths) == 1:
        return f"; to run {plain(paths[0])} again, whose failure was handled: {command} {quoted(paths[0])}"
    return f"; to run one of {plain(some_of(paths))} again, whose failures were handled: {command} PATH"
