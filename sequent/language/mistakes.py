"""What of a step can be run, but was hardly meant; for `check`."""

from __future__ import annotations

from collections.abc import Iterator

from sequent.language.references import ResultReference
from sequent.language.results import ContainerResults
from sequent.language.shell import ShellCommand
from sequent.language.stand_in import sources_in
from sequent.language.step import FlowStep, step_of


def mistakes(step: FlowStep) -> Iterator[str]:
    """The mistakes of one step, each as a sentence with its remedy."""
    if step.is_none and not step.children:
        yield (
            f"step {step.path!r}: its function is None; pass the function itself (work, not work()), or leave it out "
            "for a step that does nothing"
        )
    elif step.func is None and not step.children and (step.args or step.kwargs):
        yield f"step {step.path!r}: it has arguments, but no function that gets them; pass one, or leave them out"
    for reference in sources_in((step.args, step.kwargs, step.loop, step.when)):
        if isinstance(reference, (ResultReference, ContainerResults)):
            asked = step_of(reference)
            if (reason := _why_no_result(asked)) is not None:
                yield f"step {step.path!r}: it uses {reference!r}, but step {asked.path!r} {reason}"


def _why_no_result(step: FlowStep) -> str | None:
    """Why its result is always None; None if it may be something else, and for a container."""
    if isinstance(step.func, ShellCommand):
        return (
            "runs a command, whose result is always None; let it write to a file, or run the command in a function "
            "that returns the output"
        )
    if step.func is None and step.wait is None and not step.children:
        return "has no function that could return something"
    return None
