"""What the rewritten workflows are run with: a flow, and what it did in this run of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import eventcore as evr
import sequent as seq
from eventcore.act.observer import TaskStarted
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.status import Verdict
from tests.support import Recorder

Build = Callable[..., object]


class Ran(NamedTuple):
    """What one run of the engine did; steps are told as `path@sequence`, containers are left out."""

    ok: bool
    verdict: Verdict
    order: list[str]  #: what started, once for each try; steps without a function do not
    statuses: dict[str, str]  #: of all that were reached, in this or an earlier run of the engine
    results: dict[str, Any]
    errors: dict[str, str]


def run(
    build: Build, *arguments: Any, store: str | Path = ":memory:", again: bool = False,
    answers: Mapping[str, object] = {}, **config: Any,
) -> Ran:  # fmt: skip
    """Build a flow and run it, or recover its last run in the store if it is to run `again`; delays take no time.

    Steps run one after another in the engine unless the configuration says otherwise. `answers` are the signals for
    waits, by path or `path@sequence`; each comes when nothing else can be done.
    """
    mode = seq.RUN_RECOVER if again else seq.RUN_RESTART
    settings = {"task_construct": "invoke", "logging_level": "CRITICAL", **config}
    heard = Recorder(TaskStarted)
    with seq.Sequent("foreign", store, mode, config=settings, observers=[heard]) as flow:
        flow.use_clock(VirtualClock())
        build(flow, *arguments)
        _answer(flow, dict(answers))
        ok = flow.run()
        return facts(flow, ok, heard)


def _answer(flow: seq.Sequent, left: dict[str, object]) -> None:
    """Run the flow as far as it comes, and answer what waits then, until nothing is left to answer."""
    while left:
        flow.run(1)
        waiting = {one.instance for one in flow.tasks() if one.status is seq.TaskStatus.active}
        found = [name for name in left if name in waiting or f"{name}@1" in waiting]
        assert found, f"nothing waits for {', '.join(left)}"
        for name in found:
            path, _, sequence = name.partition("@")
            assert flow.signal(path, left.pop(name), sequence or None).status is not evr.RequestStatus.refused


def facts(flow: seq.Sequent, ok: bool, heard: Recorder) -> Ran:
    """What a flow that has run did."""
    paths = {step.path for step in flow.walk() if not step.children}
    tasks = [task for task in flow.tasks() if task.path in paths]
    return Ran(
        ok,
        flow.verdict,
        [f"{one.step}@{one.sequence}" for one in heard.of(TaskStarted) if one.step in paths],
        {task.instance: task.status.value for task in tasks},
        {f"{path}@{at}": value for path in paths for at, value in flow.results(path).items()},
        {task.instance: task.error for task in tasks if task.error is not None},
    )


def in_order(ran: Ran, *instances: str) -> bool:
    """Whether these have started in this order."""
    places = [ran.order.index(one) for one in instances]
    return places == sorted(places)


class Flaky:
    """A function that fails for the named items until they are mended, and else returns what it was given."""

    def __init__(self, *fails: object) -> None:
        self.fails = set(fails)

    def __call__(self, item: Any = None) -> Any:
        if item in self.fails:
            raise ConnectionError(f"no answer for {item}")
        return item

    def mend(self) -> None:
        """From now on, nothing fails."""
        self.fails.clear()
