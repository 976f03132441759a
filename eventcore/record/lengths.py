"""How long names may be in a store: a server's keys have limits, SQLite's have none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from eventcore.define.event import EventKind
from eventcore.define.items import recorded_items
from eventcore.define.outcome import Outcome
from eventcore.define.program import COMPUTING, Program, Role
from eventcore.errors import ProgramError
from eventcore.record.backend import Backend
from eventcore.record.schema import LONGEST_IDENTITY, LONGEST_NAME, LONGEST_SEQUENCE

SHOWN = 60  #: characters of a long name that a message shows


def check_lengths(backend: Backend, program: Program, run_id: str, starts: Iterable[tuple[str, str]]) -> None:
    """Raise `ProgramError` for the first thing that the backend could not store of a program and its triggers."""
    for problem in too_long(backend, program, run_id, (sequence for _, sequence in starts)):
        raise ProgramError(problem)


def too_long(backend: Backend, program: Program, run_id: str = "", sequences: Iterable[str] = ()) -> Iterator[str]:
    """What the backend could not store of a program, each as a sentence with the place and the remedy."""
    if not backend.is_remote:
        return
    paths = {name: step.path for name, step in program.steps.items()}
    kept = {name for name, event in program.events.items() if event.kind is EventKind.public}
    for association in program.associations.values():
        kept |= {association.event.name, association.target.name} if association.delay else set()
    for what, names, longest in (
        ("program", [program.name], LONGEST_IDENTITY),
        ("run id", [run_id], LONGEST_IDENTITY),
        ("step", paths, LONGEST_NAME),
        ("event", sorted(kept.difference(paths)), LONGEST_NAME),
        ("container", program.scopes, LONGEST_NAME),
        ("sequence", sequences, LONGEST_SEQUENCE),
    ):
        for name in names:
            if len(name) > longest:
                shown = paths.get(name, name)
                yield (
                    f"{what} '{shown[:SHOWN]}...': its name has {len(name)} characters, but store {backend.name} keeps "
                    f"at most {longest}; shorten it"
                )


def long_sequence(backend: Backend, role: Role, sequence: str, outcome: Outcome) -> str | None:
    """What the backend could not store of what an outcome leads to, as a sentence with the place and the remedy.

    `sequence` is the step's own: the items that it computed begin iterations inside of it.
    """
    if not backend.is_remote or not outcome.ok:
        return None
    raised = [*outcome.raised, *((emission.event, emission.sequence) for emission in outcome.emitted)]
    leads_to = [other for _, other in raised if other is not None]
    if role in COMPUTING and outcome.result is not None:
        keys = (json.loads(part.keys) for part in recorded_items(outcome.result).slices() if part.keys is not None)
        leads_to += [f"{sequence}.{key}" for some in keys for key in some]
    longest = max(leads_to, key=len, default="")
    if len(longest) <= LONGEST_SEQUENCE:
        return None
    return (
        f"sequence '{longest[:SHOWN]}...' has {len(longest)} characters, but store {backend.name} keeps at most "
        f"{LONGEST_SEQUENCE}; shorten the keys of loops that it consists of"
    )
