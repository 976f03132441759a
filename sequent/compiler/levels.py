"""Clauses on a whole level, the flow or a container that a step is in: which steps have to be over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from eventcore.define.expression import Expression, rebuilt
from sequent.compiler.requirement import Requirement
from sequent.errors import RequireError
from sequent.language.container import Container
from sequent.language.require import LevelClause, clauses
from sequent.language.step import FlowStep, step_of


def with_bodies(known: Mapping[str, FlowStep], found: dict[str, Requirement]) -> dict[str, Requirement]:
    """The requirements, with the clauses on whole levels told which steps they wait for.

    These are all steps of the level but those that have such a clause and those that, directly or not, require these.
    """
    closing: dict[str, list[FlowStep]] = {}
    for path, requirement in found.items():
        if any(isinstance(clause, LevelClause) for clause in requirement.clauses):
            closing.setdefault(known[path].parent.path, []).append(known[path])
    for steps in closing.values():
        level = steps[0].parent
        last = _last(level, steps, found)
        body = tuple(child for child in level.children.values() if child.path not in last)
        if not body:
            what = f"{level.path!r}, which" if level.path else "the flow, which"
            raise RequireError(f"step {steps[0].path!r} requires {what} has no other steps; add some")
        for step in steps:
            found[step.path] = _with_body(found[step.path], level, body)
    return found


def _last(level: Container, closing: Iterable[FlowStep], found: Mapping[str, Requirement]) -> set[str]:
    """The paths of these steps, and of those on their level that wait for them, with all that is inside them."""
    waiting: dict[str, set[str]] = {}  #: who waits for the step, by its path
    for child in level.children.values():
        for inner in (child, *child.walk()):
            for clause in found[inner.path].clauses:
                if not isinstance(clause, LevelClause):
                    waiting.setdefault(step_of(clause).path, set()).add(child.path)
    agenda, last = [step.path for step in closing], set[str]()
    while agenda:
        path = agenda.pop()
        if path not in last:
            last.add(path)
            agenda += waiting.get(path, ())
    return last


def _with_body(requirement: Requirement, level: Container, body: tuple[FlowStep, ...]) -> Requirement:
    def told(leaf: Expression) -> Expression:
        if not isinstance(leaf, LevelClause):
            return leaf
        return LevelClause(level, leaf.status, body)

    assert requirement.tree is not None
    tree = rebuilt(requirement.tree, told)
    return msgspec.structs.replace(requirement, tree=tree, clauses=clauses(tree))
