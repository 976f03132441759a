"""What shells complete apart from verbs, options and files: run ids and step paths from the store, configuration keys.

Only stores are read, never the user's program; where there is none, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from eventcore.record.reading import Reader

MOST = 200  #: run ids that are offered

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def run_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of the runs, the latest first, each with its state."""
    import time

    with suppress(Exception), _store(context) as reader:
        runs = [run for run in reader.runs(time.time()) if run.run_id.startswith(incomplete)][:MOST]
        return [CompletionItem(run.run_id, help=f"{run.program}, {run.state}") for run in runs]
    return []


def step_paths(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The paths of the steps of the run that is named, or of the latest."""
    import time

    from visual.outline import flat_outline_of

    with suppress(Exception), _store(context) as reader:
        nodes = flat_outline_of(reader.program(reader.run(context.params.get("run_id"), time.time())))
        return [CompletionItem(node.path) for node in nodes if node.path.startswith(incomplete)]
    return []


def settings(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keys of the configuration, each with what stands behind it."""
    from eventcore.define.config import Config

    return [CompletionItem(f"{key}=") for key in Config.__struct_fields__ if key.startswith(incomplete)]


@contextmanager
def _store(context: click.Context) -> Iterator[Reader]:
    """The store of the target that stands on the command line."""
    from eventcore.record.reading import reading
    from sequent.cli.target import parse_target, store_beside

    text = context.params.get("target") or context.args[0]  # behind an option without its value nothing is parsed
    target = parse_target(text)
    location = context.params.get("store") or target.store or (target.file and store_beside(target.file))
    with reading(str(location)) as reader:
        yield reader
