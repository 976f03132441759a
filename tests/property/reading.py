"""What a store has of a run, for comparing it with a model."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from eventcore.define.status import TaskStatus
from eventcore.record.store import Store, opened
from eventcore.run.runner import Runner


@dataclass(frozen=True)
class Recorded:
    """One recovery of a run as it is stored."""

    facts: frozenset[tuple[str, str]]
    tasks: Mapping[tuple[str, str], TaskStatus]
    verdict: str
    outstanding_delays: int
    failures: Mapping[tuple[str, str], int]


def recorded(store: Store, run_id: str) -> Recorded:
    """The latest recovery of the run; counts the failed attempts of all recoveries."""
    read = store.connection.exec_driver_sql
    run, recovery = read("SELECT id, recovery FROM eventcore_runs WHERE run_id = ?", (run_id,)).one()
    this = (run, recovery)
    facts = read("SELECT event, sequence FROM eventcore_facts WHERE run = ? AND recovery = ?", this)
    tasks = read("SELECT step, sequence, status FROM eventcore_tasks WHERE run = ? AND recovery = ?", this)
    verdict = read("SELECT verdict FROM eventcore_recoveries WHERE run = ? AND recovery = ?", this).scalar_one()
    waits = read("SELECT count(*) FROM eventcore_delays WHERE run = ? AND recovery = ? AND over = 0", this)
    attempts = read("SELECT step, sequence FROM eventcore_attempts WHERE run = ? AND status = 'failure'", (run,))
    return Recorded(
        frozenset((event, sequence) for event, sequence in facts),
        {(step, sequence): TaskStatus(status) for step, sequence, status in tasks},
        verdict,
        waits.scalar_one(),
        Counter((step, sequence) for step, sequence in attempts),
    )


@contextmanager
def store_at(location: str) -> Iterator[Store]:
    """A store that stays open while several programs use it."""
    store = opened(location, "normal")
    try:
        yield store
    finally:
        store.close()


def share(program: Runner, store: Store) -> None:
    """Have a program of store `:memory:` use this store, so that one built anew can recover the run of another."""
    assert not store.backend.is_shared
    program._memory = store
