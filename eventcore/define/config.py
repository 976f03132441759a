"""Configuration: its keys and their defaults, and where the values come from.

Precedence: a step's own config, the call's arguments, the file or mapping, the defaults. In a file or mapping the
section named by the environment variable `EVENTOR_CONFIG_TAG` (default `EVENTOR`) is used where there is one; its
databases stand under the tag in `EVENTOR_DB_CONFIG_TAG` (default `DATABASE`). `${VAR}` in any text is replaced by the
environment variable.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints, overload

import msgspec

from eventcore.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor as FuturesApi

    #: a name, or an executor's class or factory, see `eventcore.act.executors.registry`
    Construct: TypeAlias = str | type | Callable[[], FuturesApi]
else:
    Construct = Any  # msgspec knows no callables; the registry checks them

CONFIG_TAG_VARIABLE = "EVENTOR_CONFIG_TAG"
DATABASE_TAG_VARIABLE = "EVENTOR_DB_CONFIG_TAG"
INFINITE = float("inf")


class Backoff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exponential waits between tries: `first * factor**n` seconds, at most `max`, each up to `jitter` longer."""

    first: float = 1.0
    factor: float = 2.0
    max: float = 300.0
    jitter: float = 0.1


RetryDelay = float | list[float] | Backoff


class StepConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a step's own config may set; None leaves it to the program's config."""

    stop_on_exception: bool | None = None
    task_construct: Construct | None = None
    max_concurrent: int | None = None  #: how many instances of the step may run at once; below 1: no limit
    retries: int | None = None
    retry_delay: RetryDelay | None = None
    timeout: float | None = None
    envvar_prefix: str | None = None
    allow_failure: bool | None = None  #: a failure of the step counts as handled; not inherited
    must_run: bool | None = None  #: where the step is not reached, it fails; in flows, not inherited
    priority: int | None = None  #: who goes first when places are scarce: the highest; 0 where it is not set
    deadline: float | None = None  #: seconds for all tries and waits of the step together; not inherited


#: what a container's config says of the container alone
OF_ITS_OWN: Mapping[str, None] = dict.fromkeys(("max_concurrent", "allow_failure", "must_run", "deadline"))


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All keys of a program's configuration, with their defaults."""

    workdir: str = msgspec.field(default_factory=tempfile.gettempdir)  #: accepted for older programs, without effect
    #: steps log to `<logdir>/<program>/<run_id>/`, see `eventcore.act.own_folder`
    logdir: str = msgspec.field(default_factory=tempfile.gettempdir)
    task_construct: Construct = "process"  #: process, thread, invoke, async, or a factory of an executor
    max_concurrent: int = 1  #: how many steps may run at once; below 1: no limit
    order: Literal["ready", "longest"] = "ready"  #: who goes first among steps of the same priority
    stop_on_exception: bool = True  #: nothing new starts after an unhandled failure
    sleep_between_loops: float = 1.0  #: seconds between two passes of `run(max_loops=n)`
    shared_db: bool = False  #: others use the store, too: to recover or continue a run, its `run_id` must be given
    envvar_prefix: str = "EVENTOR_"  #: of STEP_NAME, STEP_SEQUENCE and STEP_RECOVERY in a step's environment
    logging_level: int = 20  #: INFO; may be written by its name
    console: bool | Literal["short", "coloured", "full", "quiet"] = True  #: what the console shows, and how
    verbose: bool = False  #: of short lines, also those for what begins and what is tried again
    durability: Literal["full", "normal"] = "full"  #: survive power loss, or any crash of a process
    max_result_size: int = 1_000_000  #: characters; a longer result goes to a file next to the store
    lease_term: float = 30.0  #: seconds of silence after which another engine may take the run over
    database_patience: float = 600.0  #: seconds for which a run waits for a server's database that is away
    retries: int = 0  #: further tries after a failure
    retry_delay: RetryDelay = 0.0  #: seconds, a list of them, or {first, factor, max, jitter}
    timeout: float | None = None  #: seconds that one try may take
    DATABASE: dict[str, Any] = {}

    def __repr__(self) -> str:
        """All keys but what `DATABASE` says of its tags: it may have passwords in it."""
        said = (f"{key}={getattr(self, key)!r}" for key in self.__struct_fields__ if key != "DATABASE")
        return f"Config({', '.join(said)}, DATABASE={list(self.DATABASE)!r})"

    @overload
    def of_step(self, own: StepConfig, key: Literal["stop_on_exception"]) -> bool: ...
    @overload
    def of_step(self, own: StepConfig, key: Literal["task_construct"]) -> Construct: ...
    @overload
    def of_step(self, own: StepConfig, key: Literal["retries"]) -> int: ...
    @overload
    def of_step(self, own: StepConfig, key: Literal["retry_delay"]) -> RetryDelay: ...
    @overload
    def of_step(self, own: StepConfig, key: Literal["timeout"]) -> float | None: ...
    @overload
    def of_step(self, own: StepConfig, key: Literal["envvar_prefix"]) -> str: ...
    def of_step(self, own: StepConfig, key: str) -> Any:
        """The value that holds for a step: its own, or the program's."""
        value = getattr(own, key)
        return getattr(self, key) if value is None else value


def load_config(
    written: Mapping[str, object] | str | Path | None,
    overrides: Mapping[str, object],
    tag: str = "EVENTOR",
    defaults: Mapping[str, object] = {},
) -> Config:
    """Build the configuration from a mapping or a YAML file, with `overrides` (the call's arguments) on top.

    `tag` names the section where the environment does not, else it is `EVENTOR`; `defaults` stand in for those of
    `Config`.

    Raises `ConfigError` naming the path of an unknown key, a wrong type, a missing file or section.
    """
    if written and not isinstance(written, (Mapping, str, Path)):
        raise ConfigError(f"config must be a mapping or the path of a YAML file, not {written!r}")
    where = "config" if isinstance(written, Mapping) or not written else str(written)
    try:
        given = _read_yaml(Path(written)) if isinstance(written, (str, Path)) and written else written
        data = dict(given) if isinstance(given, Mapping) else {}
        if data:
            known = tag if tag in data else "EVENTOR"
            section, where = _section(data, os.environ.get(CONFIG_TAG_VARIABLE), known, where)
            data = _with_databases(section, where)
            if isinstance(written, (str, Path)):
                data = _with_folder(data, Path(written).absolute().parent)
        return checked_config({**defaults, **data, **overrides}, where)
    except RecursionError:
        raise ConfigError(f"{where}: it is nested too deeply, or contains itself") from None


def checked_config(values: Mapping[str, object], where: str) -> Config:
    """The `Config` that `values` make; raises `ConfigError` for an unknown key or a value of wrong type or range."""
    level = values.get("logging_level")
    if isinstance(level, str):
        values = {**values, "logging_level": _level(level, where)}
    config: Config = _converted(dict(values), Config, where)
    _check_ranges(config, where)
    return config


def changed_config(config: Config, values: Mapping[str, object]) -> Config:
    """The configuration with `values` over it; raises `ConfigError`."""
    return checked_config({key: getattr(config, key) for key in Config.__struct_fields__} | dict(values), "config")


NOTHING_SET = StepConfig()  #: the own config of a step that leaves everything to the program's


def step_config(values: Mapping[str, object], step: str) -> StepConfig:
    """Check a step's own config; raises `ConfigError` naming the step and the key."""
    if type(values) is dict and not values:
        return NOTHING_SET
    if not isinstance(values, Mapping):
        raise ConfigError(f"step {step!r}: config must be a mapping, not {values!r}")
    config: StepConfig = _converted(dict(values), StepConfig, f"step {step!r}, config")
    _check_ranges(config, f"step {step!r}, config")
    return config


def merged(outer: StepConfig, inner: StepConfig) -> StepConfig:
    """A step's config with what it leaves open taken from its container's, except what is of the container alone."""
    outer = msgspec.structs.replace(outer, **OF_ITS_OWN)
    own = {key: value for key in StepConfig.__struct_fields__ if (value := getattr(inner, key)) is not None}
    return msgspec.structs.replace(outer, **own)


def _level(name: str, where: str) -> int:
    import logging

    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        raise ConfigError(f"{where}: unknown logging_level {name!r}; use INFO or another level, or a number")
    return level


def _converted(values: dict[str, Any], kind: type, where: str) -> Any:
    known = kind.__struct_fields__  # type: ignore[attr-defined]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {key!r}; {hint}")
    try:
        checked: Any = msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_readable(str(error))}{_choices(str(error), kind)}") from None
    except (AttributeError, UnicodeError) as error:  # an object that only looks like a mapping, text that is none
        raise ConfigError(f"{where}: a value cannot be read: {error}") from None
    return checked


def _choices(message: str, kind: type) -> str:
    """The values that a key with a few fixed ones takes, where the message is about one."""
    found = re.search(r"Invalid enum value .* - at `\$\.(\w+)`$", message)
    values = list(_values(get_type_hints(kind).get(found[1]))) if found else []
    return f"; use one of {', '.join(map(repr, values))}" if values else ""


def _values(kind: object) -> Iterator[object]:
    """All values of a type that has few."""
    if kind is bool:
        yield from (True, False)
    elif get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for part in get_args(kind):
            yield from _values(part)


#: what msgspec calls the kinds of values, and what people do
KINDS = {"array": "a list", "bool": "true or false", "float": "a number", "int": "a whole number", "null": "nothing",
         "object": "a mapping", "str": "text"}  # fmt: skip


def _readable(message: str) -> str:
    found = re.match(r"(.*?) - at `\$\.?(.*)`$", message.replace(" | null`", "`"))
    text = f"{found[2]}: {found[1][0].lower()}{found[1][1:]}" if found else message
    return re.sub(r"`([a-z |]+)`", lambda kinds: " or ".join(KINDS.get(k, k) for k in kinds[1].split(" | ")), text)


def _check_ranges(config: Config | StepConfig, where: str) -> None:
    def check(key: str, ok: Callable[[Any], bool], says: str) -> None:
        value = getattr(config, key, None)
        if value is not None and not ok(value):
            raise ConfigError(f"{where}: {key} must be {says}, not {value!r}")

    check("retries", lambda v: v >= 0, "a number of retries, 0 or more")
    check("timeout", lambda v: 0 < v < INFINITE, "a number of seconds above 0")
    check("deadline", lambda v: 0 < v < INFINITE, "a number of seconds above 0")
    check("sleep_between_loops", lambda v: 0 <= v < INFINITE, "a number of seconds, 0 or more")
    check("lease_term", lambda v: 0 < v < INFINITE, "a number of seconds above 0")
    check("database_patience", lambda v: 0 <= v < INFINITE, "a number of seconds, 0 or more")
    check("max_result_size", lambda v: v > 0, "a number of characters above 0")
    check("logdir", _is_for_the_system, "the path of a folder, without NUL and lone surrogates")
    check("envvar_prefix", lambda v: "=" not in v and _is_for_the_system(v),
          "the beginning of a variable's name, without =, NUL and lone surrogates")  # fmt: skip
    check("retry_delay", _delays_are_possible, "seconds, each 0 or more and finite")


def _is_for_the_system(text: str) -> bool:
    """Whether the system takes the text as part of a name."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _delays_are_possible(delay: RetryDelay) -> bool:
    if isinstance(delay, Backoff):
        is_possible = 0 < delay.factor < INFINITE
        return is_possible and all(0 <= part < INFINITE for part in (delay.first, delay.max, delay.jitter))
    return all(0 <= wait < INFINITE for wait in (delay if isinstance(delay, list) else [delay]))


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"config file {path} does not exist; give the path of a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file {path} cannot be read: {error}") from None
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # a date that does not exist is a ValueError
        raise ConfigError(f"config file {path} is not YAML: {_mistake(error)}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"config file {path}: the top level must be a mapping from keys to values")
    return data


def _mistake(error: Exception) -> str:
    """What YAML finds wrong, and where, without the line itself: it may have a password in it."""
    for what in ("problem_mark", "context_mark"):
        mark = getattr(error, what, None)
        if mark is not None:
            parts = [part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
            said = re.sub(r"(undefined alias|for the tag) '.*'", r"\1", ", ".join(parts))
            return f"{said} (line {mark.line + 1}, column {mark.column + 1})"
    return " ".join(str(error).split())


def _section(data: dict[str, Any], asked: str | None, default: str, where: str) -> tuple[dict[str, Any], str]:
    """The section under the tag; without an explicit tag, data that has no such section is the section itself."""
    found: Any = data
    for key in (asked or default).split("."):
        if not isinstance(found, Mapping) or key not in found:
            if asked:
                raise ConfigError(f"{where}: no section {asked!r}, which {CONFIG_TAG_VARIABLE} names")
            return dict(data), where
        found, where = found[key], f"{where}: {key}"
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where}: the section must be a mapping from keys to values")
    return dict(found), where


def _with_databases(section: dict[str, Any], where: str) -> dict[str, Any]:
    """The section with its variables replaced, and its databases under `DATABASE` as written.

    Only the database in use has to be complete.
    """
    tag = os.environ.get(DATABASE_TAG_VARIABLE) or "DATABASE"
    if tag not in section:
        if tag != "DATABASE":
            raise ConfigError(f"{where}: no section {tag!r}, which {DATABASE_TAG_VARIABLE} names")
        return dict(expanded(section, where))
    others = {key for key, value in section.items() if str(key).isupper() and isinstance(value, Mapping)}
    settings = {key: value for key, value in section.items() if key not in others and key != tag}
    return {**expanded(settings, where), "DATABASE": section[tag]}


def _with_folder(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The data of a file, with the files of its databases' passwords found from its own folder."""
    if not isinstance(databases := data.get("DATABASE"), Mapping):
        return data
    found = dict(databases)
    for tag, entry in databases.items():
        file = entry.get("password_file") if isinstance(entry, Mapping) else None
        if isinstance(file, str) and file and not file.startswith(("~", "${")):
            found[tag] = {**entry, "password_file": str(folder / file)}
    return {**data, "DATABASE": found}


def expanded(value: Any, where: str) -> Any:
    """The value with each `${VAR}` in its texts replaced; raises `ConfigError` where a variable is not set."""
    if isinstance(value, Mapping):
        return {key: expanded(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, list):
        return [expanded(item, where) for item in value]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigError(f"{where}: the environment variable {match[1]} is not set; set it, or write the value")
        return os.environ[match[1]]

    return re.sub(r"\$\{(\w+)\}", variable, value)
