"""`sequent pools`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from eventcore.define.pools import SCOPES
from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import files, json_option, store_option

if TYPE_CHECKING:
    from eventcore.record.pool_views import PoolView, UnitsView
    from eventcore.record.reading import Reader

Named = list[tuple["PoolView", list[tuple["UnitsView", str]]]]

UNLIMITED = "unlimited"


@click.command("pools")
@click.argument("words", metavar="[TARGET] | set NAME LIMIT [TARGET]", nargs=-1, shell_complete=files)
@store_option
@click.option("--scope", type=click.Choice([one for one in SCOPES if one != "program"]),
              help="With set: of several pools of the name, the one of this scope.")  # fmt: skip
@click.option("--host", metavar="HOST", help="With set: of several pools of the name, the one of this host.")
@json_option
def command(words: tuple[str, ...], store: str | None, scope: str | None, host: str | None, as_json: bool) -> int:
    """Show the resource pools that runs of TARGET's store share: who holds units, and who waits, in order.

    `set` changes a pool's limit for all programs, while runs go on: 0 lets nothing new start that needs the pool, and
    what runs goes on; a higher one lets waiting steps start. LIMIT is a number or `unlimited`. Without TARGET and
    --store, the one store in the folder is taken.
    """
    if words[:1] == ("set",):
        if not 3 <= len(words) <= 4:
            raise click.UsageError("to set a limit, write: sequent pools set NAME LIMIT [TARGET]")
        return _set(_location(words[3:], store), words[1], _limit(words[2]), scope, host)
    if len(words) > 1:
        raise click.UsageError(f"unexpected {words[1]!r}; to set a limit, write: sequent pools set NAME LIMIT [TARGET]")
    return _show(_location(words, store), as_json)


def _location(target: Sequence[str], store: str | None) -> str:
    from pathlib import Path

    from sequent.cli.chosen import chosen_store, stores_in
    from sequent.cli.target import parse_target

    if target:
        return chosen_store(parse_target(target[0]), store)
    if store is not None:
        return store
    found = stores_in(Path())
    if len(found) != 1:
        what = f"this folder has several stores: {', '.join(found)}" if found else "this folder has no store"
        raise click.UsageError(f"{what}; name one")
    return found[0]


def _limit(text: str) -> int | None:
    if text == UNLIMITED:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise click.UsageError(f"LIMIT {text!r}: write a number of units, 0 or more, or {UNLIMITED!r}")
    return int(text)


def _set(location: str, name: str, limit: int | None, scope: str | None, host: str | None) -> int:
    from eventcore.define.plain import plain
    from eventcore.record.pools import in_words, set_limit

    found = set_limit(location, name, limit, scope, host)
    click.echo(f"pool {plain(found)} has {in_words(limit)} now")
    return 0


def _show(location: str, as_json: bool) -> int:
    import time

    from eventcore.record.pool_views import shared_pools
    from eventcore.record.reading import reading
    from eventcore.record.registry import backend_of
    from sequent.cli.output import print_json

    now = time.time()
    with reading(location) as reader:
        found = [(pool, _named(reader, [*pool.held, *pool.waiting])) for pool in shared_pools(reader, now)]
    if as_json:
        print_json([_data(pool, named) for pool, named in found])
    elif found:
        _print(found, now)
    else:
        click.echo(f"the runs of store {backend_of(location).name} share no pools", err=True)
    return 0 if found else EXIT_NOTHING


def _named(reader: Reader, views: Sequence[UnitsView]) -> list[tuple[UnitsView, str]]:
    """Each with its instance as users write it."""
    from visual.instances import Instances

    known: dict[int, Instances] = {}
    return [
        (one, (known.get(one.run.id) or known.setdefault(one.run.id, Instances(reader, one.run))).name(
            one.step, one.sequence, one.recovery).rstrip("@")) for one in views
    ]  # fmt: skip


def _data(pool: PoolView, named: Sequence[tuple[UnitsView, str]]) -> dict[str, Any]:
    """A pool for programs."""
    rows = [
        (one.state.value, {
            "instance": name, "step": one.step, "sequence": one.sequence, "units": one.amount, "state": one.state.value,
            "since": one.since, "run_id": one.run.run_id, "program": one.run.program, "user": one.run.user,
            "host": one.host,
        })
        for one, name in named
    ]  # fmt: skip
    return {
        "name": pool.name, "scope": pool.scope, "host": pool.host or None, "limit": pool.limit, "free": pool.free,
        "program": pool.program, "set_by": pool.set_by,
        "held": [row for state, row in rows if state == "held"],
        "waiting": [row for state, row in rows if state != "held"],
    }  # fmt: skip


def _print(found: Named, now: float) -> None:
    """For each pool a line, and a table of those who hold units or wait."""
    from rich.markup import escape
    from rich.table import Table

    from eventcore.define.plain import plain
    from eventcore.record.pools import described
    from sequent.cli.output import print_table
    from visual.standing import duration

    for number, (pool, named) in enumerate(found):
        limit = UNLIMITED if pool.limit is None else f"{pool.free} of {pool.limit} free"
        by = f"program {pool.program!r}" if pool.set_by is None else pool.set_by
        space = "\n" if number else ""
        click.echo(f"{space}{plain(described(pool.name, pool.scope, pool.host))}: {limit}; limit set by {plain(by)}")
        table = Table(box=None, pad_edge=False)
        for heading in ("", "units", "step", "run", "program", "user", "host", "since"):
            table.add_column(heading, no_wrap=True)
        for one, name in named:
            whose = (name, one.run.run_id, one.run.program, one.run.user, one.host)
            since = f"{duration(max(0.0, now - one.since))} ago"
            told = (escape(plain(part)) for part in whose)
            table.add_row(f"  {WORDS[one.state.value]}", str(one.amount), *told, since)
        if named:
            print_table(table)


WORDS = {"held": "holds", "waiting": "waits", "aside": "waits, passed by"}
