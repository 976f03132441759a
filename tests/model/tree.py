"""A flow as data, and what can be read off it without running it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from eventcore.define.status import StepStatus
from tests.model.kernel import Tree, atoms

Path: TypeAlias = str  #: names joined with `/`; the root is the empty path
TAKES_FAILURES = (StepStatus.failure, StepStatus.complete)


class Instance(NamedTuple):
    """One `path@sequence`; an execution of a leaf with a loop has the leaf's path and one key more.

    The condition of a step (`when`) is an execution of its own: its path is the step's with a question mark.
    """

    path: Path
    sequence: str


class Scope(NamedTuple):
    """One iteration of a container: its path, and the sequence at which its children run."""

    path: Path
    sequence: str


@dataclass(frozen=True)
class Clause:
    """`(step, status)`, the step by its full path: a sibling, or a child of an enclosing container."""

    path: Path
    status: StepStatus


@dataclass(frozen=True)
class Level(Clause):
    """`(flow, status)`, or `(box, status)` from within box: how everything else there has ended."""


@dataclass(frozen=True)
class Members(Clause):
    """`at_least(least, box, status)`: so many iterations of a loop, or steps of a box without; None asks for all."""

    least: int | None = None


@dataclass(frozen=True)
class Previous(Clause):
    """`(step.previous(back, loop), status)`: the step so many iterations of `loop` before."""

    loop: Path = ""
    back: int = 1


@dataclass(frozen=True)
class NodeSpec:
    """A step; with children it is a container. `loop` is a number of items, or the keys of a mapping."""

    name: str
    children: "tuple[NodeSpec, ...]" = ()
    loop: int | tuple[str, ...] | None = None
    concurrent: int = 1
    require: Tree[Clause] | None = None
    delay: float = 0.0  #: seconds; changes no end, only when it comes
    when: bool = False  #: whether it has a condition
    allow_failure: bool = False
    must_run: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """design.md, Sequences: iterations are 1-based numbers, or a mapping's keys; without a loop there is one."""
        if isinstance(self.loop, tuple):
            return self.loop
        return tuple(str(number + 1) for number in range(1 if self.loop is None else self.loop))

    @property
    def needs_to_run(self) -> bool:
        """Whether it, or a step inside, must run."""
        return self.must_run or any(child.needs_to_run for child in self.children)


@dataclass(frozen=True)
class TreeSpec:
    """A flow as data."""

    children: tuple[NodeSpec, ...]
    stop_on_exception: bool = True
    max_concurrent: int = 1


def depth(path: Path) -> int:
    return len(path.split("/"))


def parent(path: Path) -> Path:
    return path.rpartition("/")[0]


def around(path: Path) -> list[Path]:
    """The step and all containers that it is in."""
    names = path.split("/")
    return ["/".join(names[:length]) for length in range(1, len(names) + 1)]


def parts(path: Path, node: NodeSpec) -> list[tuple[Path, NodeSpec]]:
    """What one iteration of a step runs: a container's children, a looping leaf's body, nothing for a plain leaf."""
    if node.children:
        return [(f"{path}/{child.name}".lstrip("/"), child) for child in node.children]
    if node.loop is None:
        return []
    return [(path, replace(node, loop=None, require=None, when=False, allow_failure=False, must_run=False))]


def walk(tree: TreeSpec) -> Iterator[tuple[Path, NodeSpec]]:
    """All steps of a flow with their paths, containers before their children."""
    waiting = [(child.name, child) for child in tree.children]
    while waiting:
        path, node = waiting.pop(0)
        yield path, node
        waiting = [(f"{path}/{child.name}", child) for child in node.children] + waiting


def executions(tree: TreeSpec, *, conditions: bool = False) -> list[Instance]:
    """Every leaf execution that could happen at all; or, instead, every condition."""

    def below(path: Path, node: NodeSpec, sequence: str) -> list[Instance]:
        inner = parts(path, node)
        own = [Instance(f"{path}?", sequence)] if conditions and node.when else []
        if not inner:
            return own if conditions else [Instance(path, sequence)]
        return own + [f for key in node.keys for p, child in inner for f in below(p, child, f"{sequence}.{key}")]

    return [found for child in tree.children for found in below(child.name, child, "1")]


def clauses(node: NodeSpec) -> list[Clause]:
    return [] if node.require is None else atoms(node.require)


def is_handled(tree: TreeSpec, path: Path) -> bool:
    """design.md, Containers: a failure is handled if a clause takes that step's failure (or complete).

    It may also ask for it of the step in an earlier iteration, or of the members of a container; what asks how a whole
    level ended handles nothing. An allowed failure is handled, too.
    """
    steps = dict(walk(tree))
    return steps[path].allow_failure or any(
        clause.path == path and clause.status in TAKES_FAILURES and not isinstance(clause, Level)
        for node in steps.values()
        for clause in clauses(node)
    )


def is_caught(tree: TreeSpec, instance: Instance) -> bool:
    """Whether the failure leaves the iteration around it as it is.

    A failure that only a handler of an enclosing container takes is not caught here: it fails its iteration and its
    container, and is caught there.
    """
    if len(instance.sequence.split(".")) > depth(instance.path):
        return False  # an execution of a looping leaf: clauses name the whole leaf
    return is_handled(tree, instance.path)


def fails_the_run(tree: TreeSpec, path: Path) -> bool:
    """design.md, Containers: a failure is one of the run unless a clause takes it, or that of a container around it.

    What is around a step that must run does not help.
    """
    names = [path] if dict(walk(tree))[path].must_run else around(path)
    return not any(is_handled(tree, name) for name in names)


def stops_the_run(tree: TreeSpec, instance: Instance) -> bool:
    """design.md, Failure: whether nothing at all starts after this leaf failed, because no clause handles that."""
    return tree.stop_on_exception and fails_the_run(tree, instance.path)


def children_of(tree: TreeSpec, level: Path) -> dict[Path, NodeSpec]:
    """The steps that are directly on a level: in the container, or for the empty path in the flow."""
    return {path: node for path, node in walk(tree) if parent(path) == level}


def last_on(tree: TreeSpec, level: Path) -> set[Path]:
    """The steps that ask how all else on the level has ended, and those there that require them, directly or not."""
    children = children_of(tree, level)
    last = {path for path, node in children.items() if any(isinstance(c, Level) for c in clauses(node))}
    while True:
        found = set(last)
        for path, node in walk(tree):
            if any(clause.path in last and not isinstance(clause, Level) for clause in clauses(node)):
                found |= children.keys() & set(around(path))
        if found == last:
            return last
        last = found


def survives(tree: TreeSpec, path: Path) -> bool:
    """Whether a step starts although its iteration has failed, or the run was stopped.

    That are those that ask for the end of something (`STEP_OVER`), and those that come last on their level.
    """
    node = dict(walk(tree))[path]
    return path in last_on(tree, parent(path)) or any(c.status is StepStatus.over for c in clauses(node))
