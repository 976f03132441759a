"""Options of the form `key=value`, and the values of `--param` as the function that builds the flow wants them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from eventcore.errors import EventcoreError

WORDS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "0"), False),
}  #: booleans as people write them


class TargetError(EventcoreError):
    """The target names neither a program nor a store; the message says what it could name."""


class MissingParameterError(TargetError):
    """The function that builds the flow needs a parameter that was not given."""


class NotLoadedError(TargetError):
    """The code of the target failed while it was loaded; its error is the cause."""


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """The `key=value` texts of an option; raises `TargetError` for one without `=`."""
    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise TargetError(f"{option} {text!r}: write it as key=value")
        found[key] = value
    return found


def typed_parameters(function: Callable[..., Any], parameters: Mapping[str, str], where: str) -> dict[str, Any]:
    """The texts of `--param` as the function's annotations want them; raises `TargetError` naming the parameter.

    Lists and mappings are written as JSON or YAML. Without an annotation, the default value says what is wanted.
    """
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)
    values: dict[str, Any] = {}
    for name, text in parameters.items():
        if name not in signature.parameters:
            known = ", ".join(signature.parameters) or "none"
            raise TargetError(f"{where} has no parameter {name!r}; it has {known}")
        try:
            values[name] = _converted(text, hints.get(name, _kind_of(signature.parameters[name].default)))
        except msgspec.ValidationError as error:
            raise TargetError(f"{where}, --param {name}={text}: {error}") from None
    missing = [
        name for name, p in signature.parameters.items()
        if p.default is p.empty and name not in values and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]  # fmt: skip
    if missing:
        raise MissingParameterError(f"{where} needs --param {missing[0]}=VALUE")
    return values


def _kind_of(default: Any) -> Any:
    """What a parameter without an annotation takes, as far as its default value says it."""
    return type(default) if isinstance(default, (bool, int, float, list, tuple, set, dict)) else str


def _converted(text: str, wanted: Any) -> Any:
    """The text as a value of the wanted type; raises `msgspec.ValidationError`."""
    if wanted is bool or (typing.get_args(wanted) and set(typing.get_args(wanted)) == {bool, type(None)}):
        word = text.strip().lower()
        if word in WORDS:
            return WORDS[word]
        if wanted is bool:
            raise msgspec.ValidationError("write yes or no, true or false, on or off")
    try:
        return msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError as error:
        return _written_out(text, wanted, error)


def _written_out(text: str, wanted: Any, wrong: msgspec.ValidationError) -> Any:
    """A list, a mapping or the like that is written as JSON or YAML, whose scalars may be meant as text."""
    import yaml

    for loader in (yaml.SafeLoader, yaml.BaseLoader):
        with suppress(yaml.YAMLError, ValueError, AttributeError, RecursionError):  # the last three of odd scalars
            value = yaml.load(text, loader)  # noqa: S506  both loaders make plain values only
            if isinstance(value, (list, dict)):
                try:
                    return msgspec.convert(value, wanted, strict=False)
                except msgspec.ValidationError as error:
                    wrong = error
    raise wrong
