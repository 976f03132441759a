"""The command group, its verbs by name, and what happens to errors."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from keyword import iskeyword
from pathlib import Path
from types import TracebackType
from typing import TextIO

import click

from sequent.cli.exit_codes import EXIT_FAILED, EXIT_USAGE
from sequent.cli.lost_output import let_go

#: each verb, in `sequent.cli.verbs`, and what `--help` says of it
VERBS = {
    "run": "Start a new run of a flow.",
    "submit": "Submit a new run to the engines of a store.",
    "engine": "Work off the submitted runs of a store.",
    "check": "Find what is wrong with a flow, without running it.",
    "recover": "Run what has not succeeded in a run; skip what has.",
    "continue": "Continue a run where it stopped, without a new recovery.",
    "runs": "List the runs of a store.",
    "status": "Show the state of a run as a tree.",
    "watch": "Watch a run while it is in progress.",
    "why": "Explain what a step is waiting for, or how it ended.",
    "logs": "Show what steps printed and logged.",
    "graph": "Draw a flow or a run, as SVG, PNG, PDF, DOT or Mermaid.",
    "report": "Write a run as one HTML page.",
    "serve": "Follow, steer and start runs in the browser.",
    "pause": "Pause a run: start nothing new until it is resumed.",
    "resume": "Resume a paused run.",
    "cancel": "Cancel a run or one of its steps.",
    "trigger": "Trigger an event in a run.",
    "signal": "Answer a wait in a run.",
    "complete": "Complete a step that has deferred its end.",
    "emit": "Emit an event of the step that started this program.",
    "rerun": "Rerun a step that has already succeeded.",
    "pools": "Show who holds units of shared resource pools, and who waits.",
    "clean": "Delete old runs.",
    "secret": "Make keys, and encrypt the passwords of a config.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order in which they are listed."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command."""
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"sequent.cli.verbs.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Call the verb; where nobody reads the rest of its output, as with `| head -1`, that ends it well."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return 0

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first argument; an unknown verb is answered with the ones there are."""
        if args and args[0] not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, 1)
            ctx.fail(
                f"unknown verb {args[0]!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(VERBS)}")
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB TARGET [OPTIONS]",
    options_metavar="",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="sequent-flow", prog_name="sequent")
@click.pass_context
def sequent(context: click.Context) -> None:
    """Run nested flows, watch them, and recover them from where they stopped.

    A TARGET is a Python file (flow.py, or flow.py:NAME for one flow in it or a function that builds one), a module
    (package.module:NAME), or the store of earlier runs (flow.run.db), which knows its program.

    \b
    sequent run flow.py          start a new run
    sequent status flow.py       show its state
    sequent recover flow.py      rerun what has not succeeded
    sequent graph flow.py -o run.svg
    """
    from sequent.cli.notes import print_notes

    print_notes(context)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit; expected errors are one line on standard error."""
    code = _performed(arguments)
    for stream in (sys.stdout, sys.stderr):
        code = _flushed(stream, code)
    if arguments is None:  # of the command itself, nothing is left to interrupt but the interpreter's own end
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _performed(arguments: Sequence[str] | None) -> int:
    """Run the command; returns the exit code."""
    if "EVENTCORE_PASSWORDS" in os.environ:
        from sequent.cli.handed_over import take_over

        take_over()
    try:
        code = sequent.main(args=arguments, prog_name="sequent", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        _say(error.format_message())
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return EXIT_FAILED
    except Exception as error:
        return _told(error)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> int:
    """Say what went wrong, in a line where it can be expected; returns the exit code."""
    if _is_expected(error):
        _show_way(error)
        _say(str(error))
        return EXIT_USAGE
    if isinstance(error, OSError):
        _say(f"{error.filename or 'the output'}: {error.strerror or error}")
        return EXIT_FAILED
    if isinstance(error, UnicodeEncodeError):
        _say(f"{error.object!r:.100} is not text: some of its bytes are not UTF-8")
        return EXIT_USAGE
    if (damage := _damage()) is not None:
        _say(damage)
        return EXIT_USAGE
    _show_trace(error, error.__traceback__)
    return EXIT_FAILED


def _damage() -> str | None:
    """What is wrong with the store that was read last."""
    from eventcore.record.reading import damage_last_read

    found = damage_last_read()
    return None if found is None else str(found)


def _flushed(stream: TextIO | None, code: int) -> int:
    """Write what is left to write; returns the exit code: another where that fails, unless nobody reads it."""
    try:
        if stream is not None:
            stream.flush()
    except OSError as error:
        let_go(stream)
        if not isinstance(error, BrokenPipeError):
            _say(f"the output: {error.strerror}")
            return EXIT_FAILED
    return code


def _is_expected(error: Exception) -> bool:
    from eventcore.errors import EventcoreError

    return isinstance(error, EventcoreError)


def _show_way(error: Exception) -> None:
    """How the user's own code came to an error that kept it from being loaded, where that is more than a place."""
    from sequent.cli.parameters import NotLoadedError

    cause = error.__cause__
    if not isinstance(error, NotLoadedError) or cause is None:
        return
    trace = cause.__traceback__
    while trace is not None and not _is_users(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace is not None and trace.tb_next is not None:
        _show_trace(cause, trace)


def _show_trace(error: BaseException, trace: TracebackType | None) -> None:
    from eventcore.define.passwords import masked

    print(masked("".join(traceback.format_exception(type(error), error, trace))), end="", file=sys.stderr)


def _is_users(file: str) -> bool:
    packages = [Path(__file__).parents[1], Path(__file__).parents[2] / "eventcore", Path(click.__file__).parent]
    return not file.startswith("<") and not any(Path(file).is_relative_to(package) for package in packages)


def _say(message: str) -> None:
    from eventcore.define.passwords import masked
    from eventcore.define.plain import plain

    print(f"sequent: {plain(' '.join(masked(message).split()))}", file=sys.stderr)
