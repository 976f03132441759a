"""Where a store is: a tag of the configuration, a path, `:memory:`, a URL, or the default next to the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from eventcore.define.config import expanded
from eventcore.define.encrypted import decrypted, read_private
from eventcore.define.passwords import withheld
from eventcore.errors import ConfigError

MEMORY = ":memory:"


def store_location(store: str | Path, databases: Mapping[str, Any], program_file: str | None,
                   unnamed: str = "eventcore.run.db") -> str:  # fmt: skip
    """The URL of the store, the path of its SQLite file, or `:memory:`; `withheld`, so without any password.

    `store` is looked up among the configured databases first. Empty, it stands for the database tagged `default`, or
    for `<module>.run.db` beside the program. Raises `ConfigError` for an entry that says no database.
    """
    text = str(store)
    tag = text or "default"
    if tag in databases:
        return withheld(_configured(databases[tag], f"DATABASE: {tag}"), tag)
    if text:
        return withheld(text)
    if program_file is None:
        return str(Path.cwd() / unnamed)
    path = Path(program_file)
    return str(path.resolve().parent / f"{path.stem}.run.db")


def may_be_tag(text: str) -> bool:
    """Whether a text looks like a tag of the configuration, rather than like a path or a URL."""
    return re.fullmatch(r"\w[\w-]*", text) is not None


def scheme_of(location: str) -> str:
    """The kind of store that a location names: a URL's scheme without its driver, `sqlite` for a path, or `memory`."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        return "memory" if location == MEMORY else "sqlite"
    kind = scheme.partition("+")[0].lower()
    in_memory = kind == "sqlite" and rest.removeprefix("/").partition("?")[0] in ("", MEMORY)
    return "memory" if in_memory else kind


def _configured(entry: Any, where: str) -> str:
    entry = expanded(entry, where)
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: a database is a URL or a mapping with dialect and database, not {_kind(entry)}")
    dialect = str(entry.get("drivername") or entry.get("dialect") or "sqlite")
    if scheme_of(f"{dialect}://x") != "sqlite":
        return _url(dialect, entry, where)
    path = entry.get("file") or entry.get("database")
    if not path:
        raise ConfigError(f"{where}: name the file under 'database'")
    return str(path)


def _kind(value: object) -> str:
    """What a value is, without saying it: it may have a password in it."""
    return {list: "a list", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}.get(
        type(value), type(value).__name__
    )


def _url(dialect: str, entry: Mapping[str, Any], where: str) -> str:
    entry = {**entry, "password": _password(entry, where)}
    said = {key: quote(str(value), safe="") for key, value in entry.items() if value not in (None, "")}
    secret = f":{said['password']}" if "password" in said else ""
    user = f"{said.get('username', '')}{secret}@" if "username" in said or secret else ""
    port = f":{said['port']}" if "port" in said else ""
    return f"{dialect}://{user}{said.get('host', '')}{port}/{said.get('database', '')}{_options(entry, where)}"


def _options(entry: Mapping[str, Any], where: str) -> str:
    """What stands under `query`, such as `sslmode`, as a URL has it."""
    options = entry.get("query") or {}
    if not isinstance(options, Mapping):
        raise ConfigError(f"{where}: query must be a mapping from options of the driver to values")
    return f"?{urlencode({str(key): str(value) for key, value in options.items()}, quote_via=quote)}" if options else ""


def _password(entry: Mapping[str, Any], where: str) -> str:
    """The password that an entry has, names the file of, or has encrypted; empty where it has none."""
    written, file = entry.get("password"), entry.get("password_file")
    if file is not None:
        if written is not None:
            raise ConfigError(f"{where}: it has password and password_file; leave one of them out")
        if not isinstance(file, str) or not file:
            raise ConfigError(f"{where}: password_file must be the path of a file")
        first = read_private(Path(file), f"{where}: the password file").partition("\n")[0].removesuffix("\r")
        if not first:
            raise ConfigError(f"{where}: the first line of {file} is empty; write the password there")
        return first
    if isinstance(written, Mapping):
        if set(written) != {"encrypted"}:
            raise ConfigError(f"{where}: password must be text, or {{encrypted: ...}} from `sequent secret encrypt`")
        return decrypted(written["encrypted"], where)
    if written is not None and not isinstance(written, str):
        raise ConfigError(f"{where}: password must be text, not {_kind(written)}; write it in quotes")
    return written or ""
