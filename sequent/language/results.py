"""`files.results(load)`: what a step of a container returned in its iterations, all or those before the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventcore.define.reference import Lookup, LoopKeys
from sequent.errors import FlowError, LoopError
from sequent.language.placed import Placed
from sequent.language.references import body_name
from sequent.language.stand_in import FlowReference


class ContainerResults(FlowReference):
    """The results of a step inside a container, a level of lists or mappings for each loop from the container to it.

    Where it stands among a step's arguments, it knows the step: asked from inside the container, it is about the
    iterations before the one that asks.
    """

    def __init__(self, container: Placed, step: Placed, asker: Placed | None = None) -> None:
        self._container = container
        self._step = step
        self._asker = asker
        if not isinstance(step, Placed):
            raise FlowError(f"{container.path}.results({step!r}): give a step inside {container.path!r}")
        if container not in step.containers:
            raise FlowError(
                f"{container.path}.results({step.path}): step {step.path!r} is not inside {container.path!r}; give one "
                f"that is, or write {step.path}.result"
            )

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        container, step = self._container, self._step
        keys = sequence.split(".")
        at = ".".join(keys[: container.depth])
        around = step.containers[: step.depth - container.depth]
        levels = [*reversed(around), *([step] if step.loop is not None else [])]
        loops = [None if level.loop is None else lookup.keys_in(level.path, at) for level in levels]
        if self._asker is not None and container in self._asker.containers:
            first = loops[0]
            assert first is not None
            known, is_mapping = first[at]
            loops[0] = {at: (known[: known.index(keys[container.depth])], is_mapping)}
        results = lookup.results_in(step.path if step.loop is None else body_name(step.path), at)
        return _nested(loops, results, at)

    def __repr__(self) -> str:
        return f"{self._container.path}.results({self._step.path})"

    def _of(self, asker: Placed, *, own: bool) -> FlowReference:
        return ContainerResults(self._container, self._step, asker)


def results_asked(reference: ContainerResults) -> tuple[Placed, Placed, bool]:
    """The container, the step inside it, and whether the one that asks is inside, too; raises `LoopError`."""
    container, asker = reference._container, reference._asker
    is_inside = asker is not None and container in asker.containers
    if asker is not None and is_inside and container.loop is None:
        raise LoopError(
            f"step {asker.path!r} refers to {reference!r}, but is inside {container.path!r} itself, which has no loop, "
            f"so nothing is before it; write {reference._step.path}.result"
        )
    return container, reference._step, is_inside


def _nested(loops: list[Mapping[str, LoopKeys] | None], results: Mapping[str, Any], at: str) -> Any:
    """The results at `at` and inside it; None where a loop was never computed."""
    if not loops:
        return results.get(at)
    if loops[0] is None:
        return _nested(loops[1:], results, f"{at}.1")
    known = loops[0].get(at)
    if known is None:
        return None
    keys, is_mapping = known
    if len(loops) == 1:
        found = [results.get(f"{at}.{key}") for key in keys]
    else:
        found = [_nested(loops[1:], results, f"{at}.{key}") for key in keys]
    return dict(zip(keys, found, strict=True)) if is_mapping else found
