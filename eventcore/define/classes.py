"""The classes that stored values name: found among what is imported, the program's script included."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

SCRIPT = "__eventcore_script__"  #: the module in `sys.modules` whose `script` is the one that `script_is` named


def script_is(module: ModuleType) -> None:
    """Say that the module is the program's script, though this process was started with another one."""
    holder = ModuleType(SCRIPT)  # the module under one more name would be found by what looks for functions' modules
    vars(holder)["script"] = module
    sys.modules[SCRIPT] = holder


def is_record(cls: type) -> bool:
    """Whether its objects are written field by field: a dataclass, or a struct of msgspec such as `Answer`."""
    return is_dataclass(cls) or issubclass(cls, msgspec.Struct)


def class_named(name: str, base: type) -> Any:
    """The imported class of that name; with `object`, one of a record. Raises `ValueError` where there is none."""
    module, _, qualname = name.partition(":")
    for place in _modules_named(module):
        found: Any = place
        for part in qualname.split("."):  # not by getattr, at which modules import and objects compute what they offer
            found = vars(found).get(part) if isinstance(found, (ModuleType, type)) else None
        if isinstance(found, type) and (issubclass(found, base) if base is not object else is_record(found)):
            return found
    raise ValueError(f"a stored value is of class {qualname} of module {module}, which is not imported here; import it")


def _modules_named(name: str) -> Iterator[ModuleType]:
    """The imported module of that name; and the program's script, which has another name each way it is started."""
    if name in sys.modules:
        yield sys.modules[name]
    holder = sys.modules.get(SCRIPT)
    script = sys.modules["__main__"] if holder is None else holder.script
    spec = getattr(script, "__spec__", None)
    if name in ("__main__", Path(getattr(script, "__file__", None) or "").stem, getattr(spec, "name", None)):
        yield script
