"""Arguments that `add_step` does not have: the error names the one that was probably meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypeVar, cast

from eventcore.define.config import StepConfig
from sequent.errors import FlowError

Method = TypeVar("Method", bound=Callable[..., object])

#: what other tools call it
_ELSEWHERE = {
    **dict.fromkeys(("after", "dependencies", "depends_on", "needs", "upstream", "wait_for"), "require"),
    **dict.fromkeys(("for_each", "foreach", "items"), "loop"),
    **dict.fromkeys(("function", "run", "target"), "func"),
}


def known_arguments_only(method: Method) -> Method:
    """Have the method refuse unknown keyword arguments with a `FlowError` that says what to write instead."""
    names = tuple(inspect.signature(method).parameters)[1:]
    known = frozenset(names)

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> object:
        for given in kwargs.keys() - known:
            name = kwargs.get("name", args[1] if len(args) > 1 else None)
            at = f"step {name!r}" if isinstance(name, str) else method.__name__
            raise FlowError(f"{at}: unknown argument {given!r}; {_hint(given, names)}")
        return method(*args, **kwargs)

    return cast(Method, call)


def _hint(given: str, known: Sequence[str]) -> str:
    if given in StepConfig.__struct_fields__:
        return f"it is a key of config: write config={{{given!r}: ...}}"
    near = [_ELSEWHERE[given]] if given in _ELSEWHERE else get_close_matches(given, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
