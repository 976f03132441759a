"""What a user can do next about a run: the one place that advises the shell, the report, the page, `why`, the log."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventcore.define.passwords import tag_of
from eventcore.define.plain import quoted
from eventcore.define.status import Verdict
from eventcore.record.location import may_be_tag

if TYPE_CHECKING:
    from eventcore.record.views import RunView


#: the situation of a run that is over and did not succeed, where it must be said, and advice that ends in recovering it
_FAILED = {
    Verdict.failure: ("", "fix the problem, then"),
    Verdict.stalled: ("a task waits for something that can no longer happen", "correct the program, then"),
    Verdict.cancelled: ("", "to run the rest,"),
}


class NextAction(msgspec.Struct, frozen=True):
    """Advice on a run: the situation, where it must be said; advice, as a clause; and the verbs that it leads to."""

    situation: str
    advice: str
    verbs: tuple[str, ...]
    run: str  #: as the shell takes it
    named: str | None = None  #: as its notebook names it, whose cells alone can make the program

    @property
    def commands(self) -> tuple[str, ...]:
        """The verbs as commands of the shell, or where only a notebook can do it, as Python."""
        return tuple(
            f"sequent {verb} {self.run}"
            if self.named is None or verb == "resume"
            else f"flow.run(run_mode={verb!r}, {self.named})"
            for verb in self.verbs
        )

    @property
    def lead(self) -> str:
        """What stands before the commands."""
        return f"{self.situation}; {self.advice}" if self.situation else self.advice

    @property
    def command(self) -> str:
        """The commands in a line."""
        return ", then ".join(self.commands)

    def __str__(self) -> str:
        return f"{self.lead}: {self.command}"


def next_action(run: RunView, store: str) -> NextAction | None:
    """What to do about a run of a store; None where there is nothing to do: it succeeded, or an engine works on it."""
    situation, advice, verb = _to_go_on(run)
    is_paused = run.is_paused and not run.is_cancelling  # a run that is cancelled ends all the same
    is_for_engines = is_paused and run.is_submitted and run.verdict.is_open
    verbs = tuple(word for word in ("resume" if is_paused else "", "" if is_for_engines else verb) if word)
    if run.state == "success" or not verbs:
        return None
    if is_paused and run.state == "paused":
        situation, advice = "nothing new starts until it is resumed", "to continue, run"
    named: str | None = None
    if "notebook" in run.origin:
        named = f"run_id={run.run_id!r}"
        notebook = Path(run.origin["notebook"]).name
        advice += f" in {notebook}" if notebook and verb else ""
    return NextAction(situation, advice, verbs, reference(store, run.run_id, run.origin.get("target")), named)


def _to_go_on(run: RunView) -> tuple[str, str, str]:
    """The situation of a run that no engine works on, advice, and the verb that has an engine go on with it."""
    if run.is_held:
        return "", "", ""
    if run.verdict is Verdict.submitted:
        return "it waits for an engine", "to begin it here instead, run", "continue"
    if run.is_cancelling and run.verdict.is_open:
        return "it is to be cancelled", "to have it clean up, run", "continue"
    if run.is_submitted and (run.is_interrupted or (run.verdict is Verdict.pending and not run.held_back)):
        return "it waits for another engine", "to continue it here instead, run", "continue"
    if run.is_interrupted:
        return "its engine is gone", "to continue, run", "continue"
    if run.verdict is Verdict.pending and run.held_back and run.next_due is None:
        left = "1 instance" if run.held_back == 1 else f"{run.held_back} instances"
        return f"the rerun left out {left} that it reached", "to run the rest, run", "recover"
    if run.verdict is Verdict.pending:
        return f"{run.todos} outstanding" if run.todos else "", "to continue, run", "continue"
    if run.verdict not in _FAILED:
        return "", "", ""
    situation, advice = _FAILED[run.verdict]
    return situation, f"{advice} run", "recover"


def in_words(ended: Verdict) -> str:
    """What a caller of `run` can do about a run that is over."""
    if ended not in _FAILED:
        return (
            "to run the program again, start a new run with `sequent run`, or run_mode=RunMode.restart in Python; to "
            "run one step again, such as one whose failure was handled, use `sequent rerun`, or rerun(path) in Python"
        )
    situation, advice = _FAILED[ended]
    lead = f"{situation}; {advice}" if situation else advice
    return f"{lead} recover it with `sequent recover`, or run_mode=RunMode.recover in Python"


def reference(store: str, run_id: str, target: str | None = None) -> str:
    """A run as the shell takes it: its store knows the program and its parameters, so nothing else has to be said."""
    return f"{stored_at(store, target)} --run-id {quoted(run_id)}"


def stored_at(store: str, target: str | None = None) -> str:
    """A store as the shell takes it, by the shorter path.

    One whose password comes from a configuration is named by its tag there, where the target of its program is known.
    """
    tag = tag_of(store)
    if target and may_be_tag(tag):
        return f"{_shorter(target)} --store {tag}"
    return _shorter(store)


def _shorter(path: str) -> str:
    with suppress(ValueError):
        path = min(path, str(Path(path).relative_to(Path.cwd())), key=len)
    return quoted(f"./{path}" if path.startswith("-") else path)
