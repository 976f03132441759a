"""`Requirement`: what must hold before one step starts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eventcore.define.expression import Expression
from sequent.language.require import Clause


class Requirement(msgspec.Struct, frozen=True):
    """What must hold before a step starts."""

    tree: Expression | None  #: over clauses whose steps are found; None asks for nothing but the container's start
    clauses: Sequence[Clause]  #: those of the tree, from left to right
    results: frozenset[str]  #: paths of the steps whose results it takes; each of them is in the tree
    implied: frozenset[str]  #: paths of those that are in the tree for that reason alone
    read: frozenset[str] = frozenset()  #: paths of further steps whose results it takes, without waiting for them
