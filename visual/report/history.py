"""A run's history as plain data for a page: steps, tasks as columns, tries, results, loops, logs, critical paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from eventcore.act.steplog import LogFolder
from eventcore.define.program import Role
from eventcore.define.status import TaskStatus
from eventcore.define.stored import StoredProgram
from eventcore.record.answering import answers
from eventcore.record.reading import Reader
from eventcore.record.views import RunView, TaskView
from visual.outline import flat_outline_of, in_words
from visual.report.critical import Span, critical_path
from visual.report.logs import Wanted, logs_of
from visual.report.loops import loops_of
from visual.report.texts import Texts, head_and_tail
from visual.report.waits import waits_of
from visual.values import shown_value

MOST_TASKS = 20_000  #: tasks in a page; beyond, failures and the latest
ERROR, TRACEBACK, RESULT = 2_000, 20_000, 2_000  #: characters of one
ERRORS, RESULTS = 3_000_000, 1_500_000  #: characters of all together
STATUSES = [status.value for status in TaskStatus]
CONFIG = ("retries", "retry_delay", "timeout", "deadline", "priority")  #: what the page shows of a step's


class History:
    """Reads one run, once; each part of the page's data is a method."""

    def __init__(self, reader: Reader, run: RunView, now: float) -> None:
        self._reader = reader
        self._run = run
        self._program = reader.program(run)
        self._now = now
        self._nodes = flat_outline_of(self._program)
        self._places = {node.path: place for place, node in enumerate(self._nodes)}
        self._kernel = {name: node for node in self._nodes for name in node.kernel_names}
        self._tasks = reader.tasks(run, self._kernel.keys(), now, MOST_TASKS)
        self._rows = {(task.step, task.sequence, task.recovery): row for row, task in enumerate(self._tasks)}
        self._sequences = list(dict.fromkeys(task.sequence for task in self._tasks))
        self._texts = Texts(ERRORS)
        self._first_start: dict[int, float] = {}  #: of tasks with several tries

    def data(self) -> dict[str, Any]:
        """Everything, ready for JSON; times of tasks are in seconds since the run was made."""
        attempts = self._attempts()
        return {
            "statuses": STATUSES,
            "tasks": self._columns(),
            "handled": self._handled(),
            "retries": self._retries(),
            "total": self._total(),
            "attempts": attempts,
            "results": self._results(),
            "answers": self._answers(),
            "loops": loops_of(self._reader, self._run, self._nodes),
            "recoveries": self._recoveries(),
            "texts": self._texts.all,
            **self._logs(attempts),
        }

    def _total(self) -> int:
        """How many tasks there are in all recoveries."""
        tallies = self._reader.tallies(self._run)
        return sum(sum(tally.tasks.values()) for step, tally in tallies.items() if step in self._kernel)

    def _since(self, time: float | None) -> float | None:
        return None if time is None else round(time - self._run.created, 4)

    def _columns(self) -> dict[str, list[Any]]:
        tasks = self._tasks
        numbers = {status: number for number, status in enumerate(TaskStatus)}
        return {
            "step": [self._places[self._kernel[task.step].path] for task in tasks],
            "whole": [int(self._is_whole(task)) for task in tasks],
            "sequence": [task.sequence for task in tasks],
            "recovery": [task.recovery for task in tasks],
            "status": [numbers[task.status] for task in tasks],
            "try": [task.try_number for task in tasks],
            "start": [self._since(self._started(row)) for row in range(len(tasks))],
            "end": [None if self._started(row) is None else self._since(task.ended) for row, task in enumerate(tasks)],
        }

    def _handled(self) -> list[int]:
        """The rows of failures that the flow handles."""
        steps = self._program.step_named
        return [
            row for row, task in enumerate(self._tasks)
            if task.status is TaskStatus.failure and task.step in steps and steps[task.step].handled
        ]  # fmt: skip

    def _retries(self) -> list[list[Any]]:
        """Row and time of the tries that are waited for."""
        return [
            [row, self._since(task.due)] for row, task in enumerate(self._tasks)
            if task.status is TaskStatus.ready and task.due is not None
        ]  # fmt: skip

    def _started(self, row: int) -> float | None:
        """When the task's first try started; None for one that did not run in its recovery."""
        task = self._tasks[row]
        if task.started is None or task.status is TaskStatus.skipped:
            return None
        return min(task.started, self._first_start.get(row, task.started))

    def _is_whole(self, task: TaskView) -> bool:
        """Whether the task stands for a container, or for the whole loop of a step."""
        return self._kernel[task.step].is_container or task.step != self._kernel[task.step].kernel_name

    def _attempts(self) -> list[list[Any]]:
        """Row, try, status, start, end, error, traceback, of the tries that say more than their task."""
        found = []
        for a in self._reader.attempts(self._run, self._sequences):
            row = self._rows.get((a.step, a.sequence, a.recovery))
            if row is not None:
                if a.started is not None:
                    self._first_start.setdefault(row, a.started)
                error = self._texts.place(head_and_tail(a.error, ERROR))
                traceback = self._texts.place(head_and_tail(a.traceback, TRACEBACK))
                found.append([row, a.try_number, a.status.value, self._since(a.started), self._since(a.ended), error,
                              traceback])  # fmt: skip
        return found

    def _results(self) -> list[list[Any]]:
        """Row, text and characters in the store of what tasks returned; what returned None is left out."""
        found, left = [], RESULTS
        for result in self._reader.results(self._run, self._sequences, RESULT):
            row = self._rows.get((result.step, result.sequence, result.recovery))
            if row is None:
                continue
            text = f"in the file {result.file}" if result.text is None else shown_value(result.text, RESULT)
            left -= len(text)
            if left < 0:
                break
            found.append([row, text, result.size])
        return found

    def _answers(self) -> list[list[Any]]:
        """Row, who and when, of the tasks that somebody answered."""
        given = answers(self._reader.connection, self._run, self._reader.program(self._run))
        if not given:
            return []
        return [
            [row, *(by, self._since(at))]
            for row, task in enumerate(self._tasks)
            for by, at in [given.get((self._kernel[task.step].path, task.sequence), ("", None))]
            if by and task.status.is_over and not self._is_whole(task)
        ]

    def _logs(self, attempts: Iterable[list[Any]]) -> dict[str, Any]:
        logdir = self._run.origin.get("logdir")
        if not isinstance(logdir, str):
            return {"logs": [], "log_folder": None}
        folder = LogFolder(logdir, self._run.program, self._run.run_id)
        return {
            "logs": [
                [log.row, log.try_number, log.text, log.left_out] for log in logs_of(folder, self._wanted(attempts))
            ],
            "log_folder": folder.path,
        }

    def _wanted(self, attempts: Iterable[list[Any]]) -> Iterator[Wanted]:
        """Failed tries first, then what is active, then the rest, the latest recovery first."""
        failed = [(row, tried) for row, tried, *_ in attempts]
        known = set(failed)
        order = sorted(
            range(len(self._tasks)), key=lambda row: (self._tasks[row].status.is_over, -self._tasks[row].recovery)
        )
        rest = [(row, self._tasks[row].try_number) for row in order]
        for row, tried in failed + [pair for pair in rest if pair not in known]:
            task = self._tasks[row]
            if self._started(row) is not None and not self._is_whole(task):
                yield Wanted(row, self._kernel[task.step].path, task.sequence, task.recovery, tried)

    def _recoveries(self) -> list[dict[str, Any]]:
        found = []
        for view in self._reader.recoveries(self._run):
            rows = [row for row, task in enumerate(self._tasks) if task.recovery == view.recovery]
            found.append({
                "recovery": view.recovery, "started": self._since(view.started), "ended": self._since(view.ended),
                "verdict": view.verdict.value, "critical": self._critical(rows, view.recovery),
            })  # fmt: skip
        return found

    def _critical(self, rows: list[int], recovery: int) -> list[int]:
        """The rows of the recovery's critical path (see `visual.report.critical`)."""
        spans = [self._span(row) for row in rows]
        ran = [place for place, row in enumerate(rows) if self._started(row) is not None]
        leaves = [place for place in ran if not self._is_whole(self._tasks[rows[place]])] or ran
        if not leaves:
            return []
        last = max(leaves, key=lambda place: (spans[place].ended, spans[place].started))
        before = waits_of(self._program, spans, lambda: self._reader.facts(self._run, recovery))
        return [rows[place] for place in critical_path(last, before) if self._started(rows[place]) is not None]

    def _span(self, row: int) -> Span:
        task, started, ended = self._tasks[row], self._started(row), self._tasks[row].ended
        if started is None:
            started = ended = task.created
        if ended is None:
            ended = self._now if task.status is TaskStatus.active and self._run.is_held else started
        return Span(task.step, task.sequence, task.status.value, task.created, started, ended)


def steps_data(program: StoredProgram) -> Iterator[dict[str, Any]]:
    """The steps of the program, each before those inside it; `parent` is the place of the container."""
    places: dict[str, int] = {}
    for node in flat_outline_of(program):
        step, runs = node.step, node.body or node.step
        places[node.path] = len(places)
        yield {
            "path": node.path, "name": node.name, "parent": places.get(node.parent or "", -1),
            "container": node.is_container, "loop": node.about,
            "concurrent": step.concurrent, "delay": step.delay,
            "acquires": [f"{count} of {pool}" for pool, count in step.acquires], "require": in_words(step.require),
            "function": runs.function, "wait": step.role is Role.wait,
            "config": {k: v for k, v in (step.config | runs.config).items() if k in CONFIG},
        }  # fmt: skip
