"""Expressions and requirements as plain data, as stored programs have them."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, NamedTuple, TypeAlias

from eventcore.define.status import StepStatus

#: A group, `{"and": [...]}`, `{"or": [...]}` or `{"least": count, "of": [...]}`, or a leaf. In an event's expression,
#: leaves are names of events. In a step's requirement they are `{"step": path, "status": status}`, with `back` and
#: `loop` for an earlier iteration, with `event` for one that the step emits; `{"rest": path, "status":
#: status, "of": [path, ...]}` for all else on a level; `{"members": path, "status": status, "least": count or None,
#: "event": name}` for the iterations or steps of a container, and the event that says that there are so many.
Tree: TypeAlias = Any


class Group(NamedTuple):
    """Some parts of an expression, of which `needed` must hold."""

    word: str  #: what joins them
    needed: int
    parts: list[Tree]
    is_counted: bool = False  #: whether it asks for another number than all or one


def group_of(tree: Tree) -> Group | None:
    """The tree as a group; None for a leaf."""
    if isinstance(tree, dict):
        if "and" in tree:
            return Group("and", len(tree["and"]), tree["and"])
        if "or" in tree:
            return Group("or", 1, tree["or"])
        if tree.keys() == {"least", "of"}:
            return Group(f"at least {tree['least']} of", tree["least"], tree["of"], is_counted=True)
    return None


def check_tree(tree: Tree, events: Container[str], paths: Container[str]) -> None:
    """Raise `ValueError` unless it is a tree over these events and these paths of steps, or None."""
    if tree is None:
        return
    if isinstance(tree, str):
        _known(tree, events, "event")
        return
    group = group_of(tree)
    if group is None:
        _check_leaf(tree, events, paths)
        return
    if not isinstance(group.parts, list) or not group.parts:
        raise ValueError("an expression has no parts")
    if not isinstance(group.needed, int):
        raise ValueError("an expression does not say how many parts must hold")
    for part in group.parts:
        if part is None:
            raise ValueError("a part of an expression is missing")
        check_tree(part, events, paths)


_LEAVES = (
    {"step", "status"}, {"step", "status", "event"}, {"step", "status", "back", "loop"}, {"rest", "status", "of"},
    {"members", "status", "least", "event"},
)  # fmt: skip


def _check_leaf(leaf: Tree, events: Container[str], paths: Container[str]) -> None:
    if not isinstance(leaf, dict) or leaf.keys() not in _LEAVES:
        raise ValueError(f"{leaf!r:.60} is no expression")
    StepStatus(leaf["status"])
    for key in ("step", "members", "loop"):
        if key in leaf:
            _known(leaf[key], paths, "step")
    if "members" in leaf:
        _known(leaf["event"], events, "event")
    if "rest" in leaf:
        if leaf["rest"]:
            _known(leaf["rest"], paths, "step")
        for path in leaf["of"]:
            _known(path, paths, "step")
    if not isinstance(leaf.get("back", 1), int) or not isinstance(leaf.get("least"), int | None):
        raise ValueError(f"{leaf!r:.60} is no expression")


def _known(name: Any, names: Container[str], what: str) -> None:
    if name not in names:
        raise ValueError(f"it speaks of a {what} {name!r}, which it does not have")
