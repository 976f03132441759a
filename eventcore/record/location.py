"""Where a store is: a tag of the configuration, a path, `:memory:`, a URL, or the default next to the program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eventcore.define.config import expanded
from eventcore.errors import ConfigError

MEMORY = ":memory:"


def store_location(store: str | Path, databases: Mapping[str, Any], program_file: str | None,
                   unnamed: str = "eventcore.run.db") -> str:  # fmt: skip
    """The URL of the store, or the path of its SQLite file, or `:memory:`.

    `store` is looked up among the configured databases first. Empty, it stands for the database tagged `default`, or
    for `<module>.run.db` beside the program. Raises `ConfigError` for an entry that says no database.
    """
    text = str(store)
    tag = text or "default"
    if tag in databases:
        return _configured(databases[tag], f"DATABASE: {tag}")
    if text:
        return text
    if program_file is None:
        return str(Path.cwd() / unnamed)
    path = Path(program_file)
    return str(path.resolve().parent / f"{path.stem}.run.db")


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
        raise ConfigError(f"{where}: a database is a URL or a mapping with dialect and database, not {entry!r}")
    dialect = str(entry.get("drivername") or entry.get("dialect") or "sqlite")
    if scheme_of(f"{dialect}://x") != "sqlite":
        return _url(dialect, entry)
    path = entry.get("file") or entry.get("database")
    if not path:
        raise ConfigError(f"{where}: name the file under 'database'")
    return str(path)


def _url(dialect: str, entry: Mapping[str, Any]) -> str:
    said = {key: quote(str(value), safe="") for key, value in entry.items() if value not in (None, "")}
    secret = f":{said['password']}" if "password" in said else ""
    user = f"{said['username']}{secret}@" if "username" in said else ""
    port = f":{said['port']}" if "port" in said else ""
    return f"{dialect}://{user}{said.get('host', '')}{port}/{said.get('database', '')}"
