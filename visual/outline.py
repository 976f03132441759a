"""A stored program as its user wrote it: nested steps for a flow, a row of steps for a raw program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from eventcore.define.plain import plain
from eventcore.define.program import Role
from eventcore.define.stored import StoredLoop, StoredProgram, StoredStep
from eventcore.define.tree import Tree, group_of


class StepNode(msgspec.Struct, frozen=True, dict=True):
    """A step or a container of the outline."""

    step: StoredStep  #: as it is stored
    parent: str | None  #: the path of the container around it
    depth: int  #: how many keys its sequences have, without those of a loop of its own
    body: StoredStep | None  #: of a step with a loop of its own, the one inside the loop
    children: tuple[StepNode, ...]

    @property
    def path(self) -> str:
        """The name that users see."""
        return self.step.path

    @cached_property
    def name(self) -> str:
        """Its name within its container."""
        return self.path if self.parent is None else self.path.removeprefix(f"{self.parent}/")

    @property
    def kernel_name(self) -> str:
        """The kernel's step that has its tasks; for a looped step, the one inside the loop."""
        return self.step.name if self.body is None else self.body.name

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """All kernel steps that have its tasks: for a looped step, the one inside the loop and the whole loop."""
        return (self.step.name,) if self.body is None else (self.body.name, self.step.name)

    def kernel_at(self, sequence: str) -> str:
        """The kernel's step that has the instance: of a step with a loop of its own, the loop or one iteration."""
        return self.step.name if sequence.count(".") + 1 == self.depth else self.kernel_name

    @property
    def scope(self) -> str | None:
        """What it walks, iteration by iteration; None for a step without an inside."""
        return self.step.inside

    @property
    def loop(self) -> StoredLoop | None:
        """Where its items come from."""
        return self.step.loop

    @property
    def around(self) -> list[tuple[str, str]]:
        """Its setup and its teardown, each with the name of its function."""
        parts = (("setup", self.step.setup), ("teardown", self.step.teardown))
        return [(what, function) for what, function in parts if function is not None]

    @property
    def about(self) -> str | None:
        """Its loop, its setup and its teardown in words; None where it has none of them."""
        parts = [] if self.loop is None else [str(self.loop)]
        parts += [f"{what} {function}()" for what, function in self.around]
        return ", ".join(parts) or None

    @property
    def require(self) -> Tree:
        """What it requires of other steps."""
        return self.step.require

    @property
    def is_container(self) -> bool:
        """Whether it contains steps."""
        return bool(self.children)

    def walk(self) -> Iterator[StepNode]:
        """Itself and everything inside."""
        yield self
        for child in self.children:
            yield from child.walk()


def outline_of(program: StoredProgram) -> tuple[StepNode, ...]:
    """The nodes of a stored program, nested; for a raw program, its steps in a row."""
    return _inside(program, program.scopes[0].name, None, 1)


def flat_outline_of(program: StoredProgram) -> list[StepNode]:
    """All nodes, each before those inside it."""
    return [node for top in outline_of(program) for node in top.walk()]


def _inside(program: StoredProgram, scope: str, parent: str | None, depth: int) -> tuple[StepNode, ...]:
    return tuple(
        _node(program, step, parent, depth)
        for step in program.members[scope]
        if step.role in (Role.action, Role.wait, Role.container)
    )


def _node(program: StoredProgram, step: StoredStep, parent: str | None, depth: int) -> StepNode:
    if step.inside is None:
        return StepNode(step, parent, depth, None, ())
    body = next((inner for inner in program.members[step.inside] if inner.role is Role.body), None)
    return StepNode(step, parent, depth, body, _inside(program, step.inside, step.path, depth + 1))


def handled_steps(nodes: Iterable[StepNode]) -> set[str]:
    """The kernel's names of the steps whose failure the program handles."""
    steps = [step for top in nodes for node in top.walk() for step in (node.step, node.body)]
    return {step.name for step in steps if step is not None and step.handled}


def in_words(tree: Tree, *, inner: bool = False) -> str:
    """An expression over events, or a requirement over steps and statuses, as text; empty for none."""
    if tree is None:
        return ""
    if isinstance(tree, str):
        return plain(tree)
    group = group_of(tree)
    if group is None:
        return clause_in_words(tree)
    if group.is_counted:
        return f"at least {group.needed} of ({', '.join(in_words(part) for part in group.parts)})"
    text = f" {group.word} ".join(in_words(part, inner=True) for part in group.parts)
    return f"({text})" if inner and len(group.parts) > 1 else text


def clause_in_words(leaf: Tree) -> str:
    """A clause of a requirement as text: what it speaks of, and the status."""
    status = leaf["status"]
    if "rest" in leaf:
        return _level_in_words(plain(leaf["rest"]) or "the flow", status)
    if "members" in leaf:
        return f"{how_many(leaf)} {plain(leaf['members'])} {status}"
    if "event" in leaf:
        return f"{plain(leaf['step'])} event {plain(leaf['event'])}"
    return f"{plain(leaf['step'])} {status}{before(leaf)}"


def _level_in_words(level: str, status: str) -> str:
    if status == "failure":
        return f"an unhandled failure among everything else in {level}"
    ends = {"over": "to be over", "success": "to end without an unhandled failure", "complete": "to end"}
    return f"everything else in {level} {ends[status]}"


def how_many(leaf: Tree) -> str:
    """How many members of a container a clause asks for: `all of`, `any of`, `at least 3 of`."""
    least = leaf["least"]
    return "all of" if least is None else "any of" if least == 1 else f"at least {least} of"


def before(leaf: Tree) -> str:
    """How many iterations before a clause looks, with a blank in front; empty for the same one."""
    back = leaf.get("back")
    return "" if back is None else " in the iteration before" if back == 1 else f" {back} iterations before"
