"""What each step requires: finds the step of every clause, and refuses clauses that are not allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from eventcore.define.expression import And, Expression, rebuilt
from eventcore.define.status import StepStatus
from sequent.compiler.levels import with_bodies
from sequent.compiler.requirement import Requirement
from sequent.errors import CycleError, FlowError, LoopError, RequireError
from sequent.language.container import Container
from sequent.language.previous import PreviousResult, place_of
from sequent.language.references import ItemReference, KeyReference, ResultReference, ValueReference, event_of
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause, StepEvent, clauses
from sequent.language.results import ContainerResults, results_asked
from sequent.language.stand_in import FlowReference, sources_in
from sequent.language.step import FlowStep, step_of

SHOWN = 8  #: names that an error lists
SEARCHES = 20  #: errors for which similar names are looked for, among all that there are

NONE = frozenset[str]()
RESULT, RESULTS = "refers to the result of", "refers to results in"


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
    found = {path: _Finder(step, root, known).requirement() for path, step in known.items()}
    return with_bodies(known, found)


def _named(level: Container) -> str:
    return repr(level.path) if level.path else "the flow"


def _source(reference: FlowReference) -> FlowStep | None:
    """The step whose result a reference takes, in the same iteration or in an earlier one."""
    if isinstance(reference, PreviousResult):
        return step_of(Clause(place_of(reference).step, StepStatus.success))
    return step_of(reference) if isinstance(reference, ResultReference) else None


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
        if not (step.args or step.kwargs or step.around) and step.loop is None and step.when is None:
            return Requirement(written, clauses(written), NONE, NONE)
        references = list(sources_in((step.args, step.kwargs, step.loop, step.when)))
        inside, outside = self._of_condition()
        results = self._results([*references, *outside])
        references += outside
        for call in step.around.values():
            around = list(sources_in(call.args))
            results |= self._results(around, around=True)
            references += around
        events = self._events(references)
        written_clauses = clauses(written)
        named = {clause.step for clause in written_clauses if not isinstance(clause, (PreviousClause, StepEvent))}
        implied = [other for other in results.values() if other not in named]
        parts: list[Expression] = [] if written is None else [written]
        parts += [Clause(other, StepStatus.success) for other in implied]
        parts += [event for event in events if event not in written_clauses]
        tree = None if not parts else parts[0] if len(parts) == 1 else And(*parts)
        read = frozenset((*self._read(references), *inside))
        return Requirement(tree, clauses(tree), frozenset(results), frozenset(other.path for other in implied), read)

    def _events(self, references: Iterable[FlowReference]) -> list[StepEvent]:
        """The events whose values are referred to."""
        found: dict[StepEvent, None] = {}
        for reference in references:
            if isinstance(reference, ValueReference):
                self._check_reach(step_of(reference), "refers to an event of")
                found[step_of(reference).event(event_of(reference))] = None
        return list(found)

    def _found(self, leaf: Expression) -> Clause:
        assert isinstance(leaf, Clause)
        if isinstance(leaf, PreviousClause):
            return self._previous(leaf)
        if isinstance(leaf.step, Container) and not isinstance(leaf.step, FlowStep):
            return self._level(leaf.step, leaf)
        named = self._by_name(leaf.step) if isinstance(leaf.step, str) else step_of(leaf)
        if named is self.step.parent:
            return self._level(named, leaf)
        self._check_reach(named, "requires")
        if isinstance(leaf, StepEvent):
            return leaf
        if isinstance(leaf, MembersClause):
            return self._members(named, leaf)
        return Clause(named, leaf.status)

    def _previous(self, leaf: PreviousClause) -> PreviousClause:
        """A clause on an earlier iteration of a loop that the step is in, too."""
        place = leaf.previous.place(self.step)
        named, loop = step_of(Clause(place.step, leaf.status)), place.loop
        said = f"step {self.step.path!r} requires {leaf.previous!r}"
        if self.known.get(named.path) is not named:
            raise RequireError(f"{said} of another flow; name a step of this one")
        if all(loop is not around for around in self.containers):
            raise LoopError(
                f"{said}, but is not inside of {loop.path!r}, whose iterations are meant; add it to a container with a "
                "loop together with that step"
            )
        if named is not self.step and named.parent not in self.around:
            raise RequireError(f"{said}, which is inside a container beside it; require that container instead")
        return PreviousClause(leaf.previous, leaf.status, named, loop)

    def _level(self, level: Container, leaf: Clause) -> LevelClause:
        """A clause on the flow or the container in which the step itself is."""
        said = f"step {self.step.path!r} requires {_named(level)}"
        if level is not self.step.parent:
            if level is not self.root and not (isinstance(level, FlowStep) and level.path in self.known):
                raise RequireError(f"{said} of another flow; name this one")
            raise CycleError(f"{said}, which contains its container; add the step to {_named(level)} itself")
        if isinstance(leaf, MembersClause):
            raise CycleError(f"{said}, which contains it; name the steps themselves, or a container beside it")
        if leaf.status in (StepStatus.ready, StepStatus.active):
            raise CycleError(
                f"{said} {leaf.status.value}, which contains it; require STEP_SUCCESS, STEP_FAILURE, STEP_COMPLETE or "
                "STEP_OVER of it, to run when everything else in there is over"
            )
        return LevelClause(level, leaf.status)

    def _members(self, named: FlowStep, leaf: MembersClause) -> MembersClause:
        said = f"step {self.step.path!r} requires {'all' if leaf.least is None else leaf.least} of {named.path!r}"
        if not named.is_container:
            raise RequireError(f"{said}, which is no container; name one with a loop or with steps inside")
        count = len(named.children)  # a loop may have few items today, and more tomorrow
        if leaf.least is not None and named.loop is None and leaf.least > count:
            raise RequireError(f"{said}, which has {count} step{'' if count == 1 else 's'}; ask for fewer")
        return MembersClause(named, leaf.status, leaf.least)

    def _results(self, references: Iterable[FlowReference], *, around: bool = False) -> dict[str, FlowStep]:
        """The steps whose results are referred to, by a setup or teardown if it is `around` the iterations."""
        found: dict[str, FlowStep] = {}
        for reference in references:
            if isinstance(reference, ResultReference):
                named = step_of(reference)
                found[named.path] = named
                self._check_result(named)
            elif isinstance(reference, ContainerResults):
                container, _, is_inside = results_asked(reference)
                assert isinstance(container, FlowStep)
                if not is_inside:
                    self._check_reach(container, RESULTS)
                    found[container.path] = container
            elif isinstance(reference, (ItemReference, KeyReference)):
                self._check_item(reference, around=around)
        return found

    def _read(self, references: Iterable[FlowReference]) -> Iterator[str]:
        """The paths of the steps whose results in other iterations are referred to."""
        for reference in references:
            if isinstance(reference, PreviousResult):
                named = place_of(reference).step
                assert isinstance(named, FlowStep)
                self._check_result(named, is_earlier=True)
                yield named.path
            elif isinstance(reference, ContainerResults):
                _, named, _ = results_asked(reference)
                assert isinstance(named, FlowStep)
                self._check_no_container(named)
                yield named.path

    def _of_condition(self) -> tuple[list[str], list[FlowReference]]:
        """What the condition that ends the step's loop takes: the paths of steps inside the loop, and references."""
        inside, outside = list[str](), list[FlowReference]()
        for reference in sources_in(self.step.until):
            named = _source(reference)
            if named is None or named.parent is not self.step:
                outside.append(reference)
                continue
            if named.is_container:
                raise LoopError(
                    f"step {self.step.path!r}: its condition takes {reference!r}, but {named.path!r} has iterations; "
                    "take the result of a step without"
                )
            inside.append(named.path)
        return inside, outside

    def _by_name(self, name: str) -> FlowStep:
        if (found := self.step.named(name)) is not None:
            return found
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

    def _check_reach(self, named: FlowStep, verb: str, *, is_earlier: bool = False) -> None:
        said = f"step {self.step.path!r} {verb}"
        if self.known.get(named.path) is not named:
            raise RequireError(f"{said} {named.path!r} of another flow; name a step of this one")
        if not is_earlier and (named is self.step or named in self.containers):
            what = "itself" if named is self.step else f"{named.path!r}, which contains it"
            raise CycleError(f"{said} {what}; it could never start, so name another step or none")
        if named.parent in self.around:
            return
        container = next(c for c in named.containers if c.parent in self.around)
        hint = (
            f"write {container.path}.results(...) for all of them"
            if verb is RESULTS
            else f"write {container.path}.results({named.path}) for what it returned there"
            if verb is RESULT and container not in (self.step, *self.containers)
            else f"require {container.path!r} instead"
            if container is not self.step and container not in self.containers
            else f"move the clause to a step inside {container.path!r}"
        )
        raise RequireError(f"{said} {named.path!r}, which is inside container {container.path!r}; {hint}")

    def _check_result(self, named: FlowStep, *, is_earlier: bool = False) -> None:
        self._check_no_container(named)
        self._check_reach(named, RESULT, is_earlier=is_earlier)

    def _check_no_container(self, named: FlowStep) -> None:
        if named.children:
            inside = next((step for step in named.walk() if not step.children), None)
            raise FlowError(
                f"step {self.step.path!r} refers to the result of container {named.path!r}, which has none; refer to "
                f"those of one of its steps, {named.path}.results({'...' if inside is None else inside.path})"
            )

    def _check_item(self, reference: ItemReference | KeyReference, *, around: bool = False) -> None:
        looped = step_of(reference)
        own = looped is self.step and not self.step.children and not around
        if not own and looped not in self.containers:
            raise LoopError(f"step {self.step.path!r} refers to {reference!r}, which does not contain it")
