"""Resource pools as users declare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, TypeAlias, get_args

from eventcore.define.sequence import is_name
from eventcore.errors import ProgramError

#: who shares a pool's units: one run; all runs in the store whose engines are on one host; all runs in the store
PoolScope: TypeAlias = Literal["program", "host", "cluster"]
SCOPES: tuple[PoolScope, ...] = get_args(PoolScope)


class Resource:
    """Base for naming kinds of resources, as older programs do; the engine counts units and makes no objects."""


class ResourcePool:
    """A named number of units that steps take while they run.

    `ResourcePool("licences", 4)`, or as older programs write it,
    `ResourcePool("licences", resource_cls=Licence, policy={"resource_limit": 4}).load()`. Without a limit, or with one
    below zero, the pool never runs out.

    `scope` says who shares the units: `program`, each run has its own; `host`, all runs in the store whose engines are
    on the same host; `cluster`, all runs in the store. Pools of the last two are known in the store by their names.
    """

    def __init__(
        self,
        name: str,
        limit: int | None = None,
        *,
        resource_cls: type = Resource,
        policy: Mapping[str, object] | None = None,
        scope: PoolScope = "program",
    ) -> None:
        if policy is not None and not isinstance(policy, Mapping):
            raise ProgramError(
                f"pool {name!r}: policy must be a mapping such as {{'resource_limit': 2}}, not {policy!r}"
            )
        units: object = (policy or {}).get("resource_limit", -1) if limit is None else limit
        if not is_name(name):
            raise ProgramError(f"pool name {name!r}: a name must be non-empty text without NUL or lone surrogates")
        if not isinstance(units, int) or isinstance(units, bool):
            raise ProgramError(f"pool {name!r}: the limit must be a whole number of units, not {units!r}")
        if scope not in SCOPES:
            raise ProgramError(f"pool {name!r}: unknown scope {scope!r}; choose one of {', '.join(SCOPES)}")
        self.name = name
        self.scope: PoolScope = scope
        self.limit = units if units >= 0 else None
        self.resource_cls = resource_cls

    @property
    def is_shared(self) -> bool:
        """Whether other runs take units of it, too."""
        return self.scope != "program"

    def load(self) -> Self:
        """Return the pool; units need no loading. Older programs call this."""
        return self

    def __repr__(self) -> str:
        scope = f", scope={self.scope!r}" if self.is_shared else ""
        return f"ResourcePool({self.name!r}, {self.limit}{scope})"


Units = tuple[tuple[ResourcePool, int], ...]


def as_units(written: Iterable[Any], step: str, word: str) -> Units:
    """Check a step's `acquires` or `releases`: pairs of pool and count, each count possible in its pool."""
    if type(written) is tuple and not written:
        return ()
    if not isinstance(written, Iterable):
        raise ProgramError(
            f"step {step!r}: {word} must be a list of pairs of a ResourcePool and a count, not {written!r}"
        )
    totals: dict[str, tuple[ResourcePool, int]] = {}
    for pair in written:
        try:
            pool, count = pair
        except (TypeError, ValueError):
            raise ProgramError(
                f"step {step!r}: {word} takes pairs of a ResourcePool and a count, not {pair!r}"
            ) from None
        if not isinstance(pool, ResourcePool) or not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ProgramError(f"step {step!r}: {word} takes pairs of a ResourcePool and a count >= 1, not {pair!r}")
        total = totals.get(pool.name, (pool, 0))[1] + count
        if pool.limit is not None and total > pool.limit:
            raise ProgramError(
                f"step {step!r} {word} {total} of pool {pool.name!r}, which has only {pool.limit}; "
                "raise the pool's limit or ask for less"
            )
        totals[pool.name] = (pool, total)
    return tuple(totals.values())
