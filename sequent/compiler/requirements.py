"""What each step requires: finds the step of every clause, and refuses clauses that are not allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

import msgspec

from eventcore.define.expression import And, Expression, rebuilt
from eventcore.define.reference import Reference, references_in
from eventcore.define.status import StepStatus
from sequent.errors import CycleError, FlowError, LoopError, RequireError
from sequent.language.open_loops import Until
from sequent.language.references import ItemReference, KeyReference, ResultReference
from sequent.language.require import Clause, clauses
from sequent.language.step import Container, FlowStep, step_of

SHOWN = 8  #: names that an error lists
SEARCHES = 20  #: errors for which similar names are looked for, among all that there are


class Requirement(msgspec.Struct, frozen=True):
    """What must hold before a step starts."""

    tree: Expression | None  #: over clauses whose steps are found; None asks for nothing but the container's start
    results: frozenset[str]  #: paths of the steps whose results it takes; each of them is in the tree
    implied: frozenset[str]  #: paths of those that are in the tree for that reason alone


def requirement_errors(root: Container) -> list[FlowError]:
    """What is wrong with the requirements and references of the steps, one error for each step."""
    known = {step.path: step for step in root.walk()}
    found: list[FlowError] = []
    for step in known.values():
        try:
            _Finder(step, root, known, searches=len(found) < SEARCHES).requirement()
        except FlowError as error:
            found.append(error)
    return found


def requirements(root: Container) -> dict[str, Requirement]:
    """The requirement of each step by its path, containers before their children; raises `FlowError`s."""
    known = {step.path: step for step in root.walk()}
    return {path: _Finder(step, root, known).requirement() for path, step in known.items()}


class _Finder:
    """Finds the steps that one step names."""

    def __init__(self, step: FlowStep, root: Container, known: dict[str, FlowStep], *, searches: bool = True) -> None:
        self.step = step
        self.searches = searches  #: whether an error names those that are similar
        self.root = root
        self.known = known
        self.containers = step.containers
        self.around: list[Container] = [*self.containers, root]  #: whose children the step may name

    def requirement(self) -> Requirement:
        """The step's own clauses, and success of each further step whose result it takes."""
        step = self.step
        written = None if step.require is None else rebuilt(step.require, self._found)
        if not (step.args or step.kwargs or step.around) and step.loop is None:
            return Requirement(written, frozenset(), frozenset())
        results = self._results(references_in((step.args, step.kwargs, step.loop)))
        if isinstance(step.loop, Until):
            results |= self._outside(references_in(step.loop.condition))
        for call in step.around.values():
            results |= self._results(references_in(call.args), around=True)
        named = {clause.step for clause in clauses(written)}
        implied = [other for other in results.values() if other not in named]
        parts = [*([] if written is None else [written]), *(Clause(other, StepStatus.success) for other in implied)]
        tree = None if not parts else parts[0] if len(parts) == 1 else And(*parts)
        return Requirement(tree, frozenset(results), frozenset(other.path for other in implied))

    def _found(self, leaf: Expression) -> Clause:
        assert isinstance(leaf, Clause)
        named = self._by_name(leaf.step) if isinstance(leaf.step, str) else step_of(leaf)
        self._check_reach(named, "requires")
        return Clause(named, leaf.status)

    def _results(self, references: Iterable[Reference], *, around: bool = False) -> dict[str, FlowStep]:
        """The steps whose results are referred to, by a setup or teardown if it is `around` the iterations."""
        found: dict[str, FlowStep] = {}
        for reference in references:
            if isinstance(reference, ResultReference):
                named = found[reference.step.path] = step_of(reference)
                self._check_result(named)
            elif isinstance(reference, (ItemReference, KeyReference)):
                self._check_item(reference, around=around)
        return found

    def _outside(self, references: Iterable[Reference]) -> dict[str, FlowStep]:
        """The steps outside whose results a condition takes; those inside must be in the iteration itself."""
        found = list(references)
        inside = [one for one in found if isinstance(one, ResultReference) and step_of(one).parent is self.step]
        for reference in inside:
            if step_of(reference).is_container:
                raise LoopError(
                    f"step {self.step.path!r}: its condition takes {reference!r}, but {reference.step.path!r} has "
                    "iterations; take the result of a step without"
                )
        return self._results(one for one in found if one not in inside)

    def _by_name(self, name: str) -> FlowStep:
        for container in self.around:
            if name in container.children:
                return container.children[name]
        if name in self.known:
            return self.known[name]
        raise RequireError(
            f"step {self.step.path!r} requires {name!r}, which the flow does not have; it can name {self._known(name)}"
        )

    def _known(self, name: str) -> str:
        """What the step can name, those first that are similar."""
        count = sum(len(container.children) for container in self.around)
        names = (other for container in self.around for other in container.children)
        near = list(islice(names, SHOWN) if count <= SHOWN or not self.searches else
                    get_close_matches(name, names, SHOWN, 0))  # fmt: skip
        return ", ".join(map(repr, near)) + (f" and {count - len(near)} others" if len(near) < count else "")

    def _check_reach(self, named: FlowStep, verb: str) -> None:
        said = f"step {self.step.path!r} {verb}"
        if self.known.get(named.path) is not named:
            raise RequireError(f"{said} {named.path!r} of another flow; name a step of this one")
        if named is self.step or named in self.containers:
            what = "itself" if named is self.step else f"{named.path!r}, which contains it"
            raise CycleError(f"{said} {what}; it could never start, so name another step or none")
        if named.parent in self.around:
            return
        container = next(c for c in named.containers if c.parent in self.around)
        hint = (
            f"require {container.path!r} instead"
            if container is not self.step and container not in self.containers
            else f"move the clause to a step inside {container.path!r}"
        )
        raise RequireError(f"{said} {named.path!r}, which is inside container {container.path!r}; {hint}")

    def _check_result(self, named: FlowStep) -> None:
        if named.children:
            raise FlowError(
                f"step {self.step.path!r} refers to the result of container {named.path!r}, which has none; "
                "refer to one of its steps from inside, or let it write where this step can read"
            )
        self._check_reach(named, "refers to the result of")

    def _check_item(self, reference: ItemReference | KeyReference, *, around: bool = False) -> None:
        own = reference.step is self.step and not self.step.children and not around
        if not own and reference.step not in self.containers:
            raise LoopError(f"step {self.step.path!r} refers to {reference!r}, which does not contain it")
