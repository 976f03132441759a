"""Where a store is: a tag of the configuration, a path, `:memory:`, a URL, or the default beside the program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eventcore.define.config import expanded
from eventcore.errors import ConfigError, StoreError

MEMORY = ":memory:"


def store_location(store: str | Path, databases: Mapping[str, Any], program_file: str | None) -> str:
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
        return str(Path.cwd() / "eventcore.run.db")
    path = Path(program_file)
    return str(path.resolve().parent / f"{path.stem}.run.db")


def sqlite_path(location: str) -> Path | None:
    """The file of a SQLite store, None for one in memory; raises `StoreError` for other databases."""
    if location == MEMORY:
        return None
    scheme, separator, rest = location.partition("://")
    if not separator:
        return Path(location).expanduser()
    if scheme.split("+")[0] != "sqlite":
        raise StoreError(
            f"store {scheme}://...: this version keeps runs in SQLite only; give the path of a file, or a sqlite:// URL"
        )
    path = rest.removeprefix("/").partition("?")[0]
    return None if path in ("", MEMORY) else Path(path).expanduser()


def is_in_memory(location: str) -> bool:
    """Whether the store is gone with the object that has it."""
    scheme = location.partition("://")[0].partition("+")[0]
    return scheme in (MEMORY, "sqlite") and sqlite_path(location) is None


def _configured(entry: Any, where: str) -> str:
    entry = expanded(entry, where)
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: a database is a URL or a mapping with dialect and database, not {entry!r}")
    dialect = entry.get("drivername") or entry.get("dialect") or "sqlite"
    if str(dialect).split("+")[0] != "sqlite":
        return f"{dialect}://"
    path = entry.get("file") or entry.get("database")
    if not path:
        raise ConfigError(f"{where}: name the file under 'database'")
    return str(path)
