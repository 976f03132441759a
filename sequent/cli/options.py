"""Options that several verbs share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sequent.cli.completion import run_ids, settings, step_paths

F = TypeVar("F", bound=Callable[..., Any])


def target_argument(function: F) -> F:
    """The TARGET that a verb works on."""
    return click.argument("target", metavar="TARGET", shell_complete=files, callback=unseen_store)(function)


def path_argument(name: str, metavar: str, *, required: bool = True) -> Callable[[F], F]:
    """The step, or its instance, that a verb works on."""
    return click.argument(name, metavar=metavar, required=required, shell_complete=step_paths)


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the names of files."""
    return [CompletionItem(incomplete, type="file")]


def store_option(function: F) -> F:
    """`--store`: another store than the program's own."""
    return click.option(
        "--store", metavar="STORE", callback=unseen_store,
        help="A path, a URL or a tag of the config; -: read it from standard input. Default: the program's.",
    )(function)  # fmt: skip


def unseen_store(context: click.Context, parameter: click.Parameter, typed: str | None) -> str | None:
    """A store without the password of its URL, which this process keeps to itself."""
    if typed is None or context.resilient_parsing:
        return typed
    if parameter.name == "store" and typed == "-":
        from eventcore.define.passwords import withheld

        return withheld(sys.stdin.readline().strip())
    if "://" in typed:
        from sequent.cli.handed_over import unseen

        return unseen(typed)
    return typed


def run_id_option(function: F) -> F:
    """`--run-id`: which run."""
    return click.option(
        "--run-id", metavar="ID", shell_complete=run_ids, help="The id of the run; default: your latest."
    )(function)


def every_option(function: F) -> F:
    """`--all`: every run that the verb can serve."""
    return click.option("--all", "every", is_flag=True, help="Every run of TARGET that needs it, the oldest first.")(
        function
    )


def all_users_option(function: F) -> F:
    """`--all-users`: not only one's own runs."""
    return click.option("--all-users", is_flag=True, help="Runs of all users, not only yours.")(function)


def json_option(function: F) -> F:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def setting_option(function: F) -> F:
    """`--set`: a configuration key."""
    return click.option(
        "--set", "settings", metavar="KEY=VALUE", multiple=True, shell_complete=settings,
        help="Set a configuration key.",
    )(function)  # fmt: skip


def parameter_option(function: F) -> F:
    """`--param`: what the function that builds the flow is called with."""
    return click.option(
        "--param", "parameters", metavar="NAME=VALUE", multiple=True,
        help="A parameter of the function that builds the flow.",
    )(function)  # fmt: skip


def value_option(function: F) -> F:
    """`--value`: the answer to what waits for one."""
    return click.option("--value", metavar="JSON", help="The result, as JSON; default: none.")(function)


def program_options(function: F) -> F:
    """What all verbs that run a program take."""
    for option in (
        setting_option,
        parameter_option,
        click.option("--max-loops", default=-1, show_default=True,
                     help="Number of passes; each ends when only delays are left. -1: wait for delays, too."),
        click.option("-q", "--quiet", count=True,
                     help="Show no progress, but what steps print and how the run ended. -qq: show only warnings and "
                     "errors; what steps print is in their logs."),
        click.option("-v", "--verbose", is_flag=True, help="On a terminal, show also what begins and is tried again."),
        click.option("--detach", is_flag=True, help="Run in the background; return once the run has begun."),
        click.option("--plain", is_flag=True, help="Print lines instead of the live view, even in a terminal."),
        store_option,
    ):  # fmt: skip
        function = option(function)
    return target_argument(function)
