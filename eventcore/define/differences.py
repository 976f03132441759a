"""How a program differs from the one stored with a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eventcore.define.program import Role
from eventcore.define.stored import StoredProgram, StoredStep

_words = {Role.items: "loop", Role.stream: "loop", Role.until: "condition"}


class Differences(msgspec.Struct, frozen=True):
    """What changed, by the names users see."""

    added: tuple[str, ...]
    removed: Mapping[str, str]  #: paths by the kernel's names
    changed: tuple[str, ...]  #: each with what changed in it

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = [("added", self.added), ("removed", tuple(self.removed.values())), ("changed", self.changed)]
        return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def differences(stored: StoredProgram, present: StoredProgram) -> Differences:
    """Compare two programs step by step; arguments are not stored, and do not count."""
    before, after = _visible(stored), _visible(present)
    inputs_before, inputs_after = _inputs(stored), _inputs(present)
    changed = []
    for name in before.keys() & after.keys():
        old, new = _told(before[name]), _told(after[name])
        keys = (*new, *(old.keys() - new.keys()))
        parts = [key for key in keys if not _is_same(key, old.get(key), new.get(key))]
        parts += _changed_inside(stored, present, name)
        if inputs_before.get(name) != inputs_after.get(name):
            parts.append("what it follows")
        if parts:
            changed.append(f"{after[name].path} ({', '.join(parts)})")
    paths_before, paths_after = {s.path for s in before.values()}, {s.path for s in after.values()}
    return Differences(
        tuple(step.path for step in after.values() if step.path not in paths_before),
        {name: step.path for name, step in before.items() if step.path not in paths_after},
        tuple(sorted(changed)),
    )


def changed_code(stored: StoredProgram, present: StoredProgram) -> list[str]:
    """The paths of the steps whose code is known to have changed."""
    before = {step.path: step.code for step in stored.visible()}
    steps = ((step.path, step.code) for step in present.visible())
    return list(dict.fromkeys(path for path, code in steps if not _is_same("code", before.get(path), code)))


def _changed_inside(stored: StoredProgram, present: StoredProgram, container: str) -> list[str]:
    """Of which functions that serve a container the code changed."""
    before, after = _served_by(stored, container), _served_by(present, container)
    roles = [role for role in after if not _is_same("code", before.get(role), after[role])]
    return [f"the code of its {_words.get(role, role.value)}" for role in roles]


def _served_by(program: StoredProgram, container: str) -> dict[Role, str | None]:
    """The code of the functions that serve a container, by what they do."""
    step = program.step_named[container]
    if step.inside is None:
        return {}
    beside = program.members[step.scope] + program.members[step.inside]
    return {other.role: other.code for other in beside if other.is_hidden and other.path == step.path}


def _visible(program: StoredProgram) -> dict[str, StoredStep]:
    return {step.name: step for step in program.visible()}


def _told(step: StoredStep) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(step)
    data.pop("survives", None)  # which follows from what it requires
    return data


def _is_same(key: str, old: Any, new: Any) -> bool:
    """Whether a part did not change; a function of a script is the same function where the script is imported.

    Code is compared where both are known.
    """
    if key == "code" and (old is None or new is None):
        return True
    if key != "function" or old is None or new is None:
        return bool(old == new)
    (module, _, name), (other, _, other_name) = old.partition(":"), new.partition(":")
    return name == other_name and (module == other or "__main__" in (module, other))


def _inputs(program: StoredProgram) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for link in program.associations:
        if link.kind == "step":
            expr = program.event_named[link.event].expr
            found.setdefault(link.target, []).append([link.event, link.delay, expr])
    return found
