"""SQLite: stores in a file, with large results in files next to it, and stores in memory."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, Dialect, Engine, StaticPool, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from eventcore.errors import StoreError
from eventcore.record.backend import Backend
from eventcore.record.result_files import ResultFiles

BUSY_TIMEOUT = 60.0  #: seconds to wait for another writer
PAGE_SIZE = 2048  #: bytes of a new file's pages: a turn changes two or three of them, and each is written whole
LOG_PAGES = 4_000  #: that the log grows to before it is written back to the database file

#: rendered statements, shared by all stores of the process: a program that runs or reads often renders them once
_compiled: MutableMapping[Any, Any] = LRUCache(200)


class SharingDialect(SQLiteDialect_pysqlite):
    """SQLite's own dialect, of which all instances count as one, so that stores share what was rendered for another."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register("sqlite.sharing", __name__, SharingDialect.__name__)


class _Sqlite(Backend):
    begin_write = "BEGIN IMMEDIATE"
    begin_read = "BEGIN"

    @property
    def driver_error(self) -> type[Exception]:
        """That of the standard library's module."""
        return sqlite3.Error

    @classmethod
    def dialect(cls) -> Dialect:
        """With question marks, in the order of the text."""
        return SQLiteDialect_pysqlite(paramstyle="qmark")

    def explained(self, error: BaseException | None) -> StoreError | None:
        """A file that is locked, full or forbidden, and one that is no database or no longer one."""
        if is_damage(error):
            return StoreError(f"store {self.name} is damaged: {error}; restore it from a backup, or start a new store")
        if isinstance(error, sqlite3.OperationalError):
            return StoreError(
                f"store {self.name}: {error}; check its permissions, the free disk space and what else has it locked"
            )
        if type(error) is sqlite3.DatabaseError:
            return StoreError(f"store {self.name} is not a database ({error}); give another path or remove the file")
        return None

    def limit_waiting(self, connection: Connection, seconds: float) -> None:
        """By the patience with locks."""
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def is_away(self, error: BaseException | None) -> bool:
        """Where somebody has the file locked, or the disk is full: that is so for all of this host."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)

    def defect(self, connection: Connection) -> str | None:
        """What SQLite's own check finds."""
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        return None if found == "ok" else " ".join(str(found).split())

    @contextmanager
    def schema_change(self, connection: Connection) -> Iterator[None]:
        """One transaction, without foreign keys: a table that is made anew must not take its dependents along."""
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        try:
            with self.transaction(connection):
                yield
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise StoreError(
                        f"store {self.name}: the upgrade would leave rows without their run; nothing is changed"
                    )
        finally:
            if not connection.invalidated:  # by Ctrl-C in the middle of a statement
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")

    def _engine(self, database: str, durability: str, settings: tuple[str, ...], **arguments: Any) -> Engine:
        engine = create_engine(
            URL.create("sqlite+sharing", database=database),
            isolation_level="AUTOCOMMIT",
            execution_options={"compiled_cache": _compiled},
            **arguments,
        )
        common = (
            f"synchronous = {'FULL' if durability == 'full' else 'NORMAL'}",
            "foreign_keys = ON",
            "cache_size = -65536",
            f"wal_autocheckpoint = {LOG_PAGES}",
        )

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            for setting in (*common, *settings):
                _patiently(cursor, f"PRAGMA {setting}")
            cursor.close()

        @event.listens_for(engine, "invalidate")
        def roll_back(connection: Any, *_: Any) -> None:
            with suppress(sqlite3.Error):  # closing the connection does not end what a statement is in the middle of
                connection.rollback()

        return engine


class SqliteFile(_Sqlite):
    """A store in a file, given by its path or a `sqlite://` URL; engines and readers of one host share it.

    No file of it may be opened past SQLite: closing it again would drop the locks that this process has on it.
    """

    schemes = ("sqlite",)
    is_shared = True

    def __init__(self, location: str) -> None:
        super().__init__(location)
        _, separator, rest = location.partition("://")
        path, options, _ = rest.removeprefix("/").partition("?") if separator else (location, "", "")
        if options:
            raise StoreError(
                f"store {location}: a URL of SQLite takes no options after '?'; in a file's name, write it as %3F, or "
                "give the file's path"
            )
        try:
            self._path = Path(unquote(path) if separator else path).expanduser()
        except RuntimeError as error:
            raise StoreError(f"store {location}: {error}; give a path without ~") from None

    @property
    def file(self) -> Path:
        """The database file."""
        return self._path

    def open(self, durability: str, *, create: bool) -> Engine:
        """Open the file in its lasting mode (WAL), in which readers and the writer do not wait for each other.

        A file that is there is not put into it, because it may be the database of another program.
        """
        self._check_path(create)
        if self._is_read_only():
            return self._engine(str(self._path), durability, (), creator=self._connected_for_reading)
        connect = {"timeout": BUSY_TIMEOUT}
        lasting = (f"page_size = {PAGE_SIZE}", "journal_mode = WAL") if create else ()
        return self._engine(str(self._path), durability, lasting, connect_args=connect)

    def explained(self, error: BaseException | None) -> StoreError | None:
        """Also a file that could be written to, in a folder that cannot."""
        folder = self._path.resolve().parent
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_READONLY and os.access(self._path, os.W_OK) and not os.access(folder, os.W_OK):
            return StoreError(
                f"store {self.name} can only be read: changes need files beside it, and the folder {folder} is not "
                "writable; correct its permissions, or move the store to a folder that you can write to"
            )
        return super().explained(error)

    def stamp(self) -> object:
        """Identity, size and time of the database file and of its log."""
        return tuple(_stat(file) for file in (self._path, self._log))

    def keep_result(self, run_id: str, text: str) -> str:
        """In a file of its own."""
        return self._results.write(run_id, text)

    def kept_result(self, run_id: str, name: str) -> str:
        """From its file."""
        return self._results.read(run_id, name)

    def keep_file(self, run_id: str, name: str, content: bytes) -> None:
        """In the run's folder."""
        self._results.write_file(run_id, name, content)

    def kept_file(self, run_id: str, name: str) -> Path:
        """Where it is."""
        return self._results.file(run_id, name)

    def drop_results(self, run_id: str) -> None:
        """The run's folder."""
        self._results.remove(run_id)

    @cached_property
    def _results(self) -> ResultFiles:
        return ResultFiles(self._beside(".results"))

    @property
    def _log(self) -> Path:
        return self._beside("-wal")

    def _beside(self, ending: str) -> Path:
        """What has the name of the database file and an ending, next to the file itself and not to a link to it."""
        file = self._path.resolve()
        return file.with_name(f"{file.name}{ending}")

    def _is_read_only(self) -> bool:
        """Whether the file is there, and this process can write neither to it nor beside it, as on read-only media."""
        if not self._path.is_file():
            return False
        return not all(os.access(place, os.W_OK) for place in (self._path, self._path.resolve().parent))

    def _connected_for_reading(self) -> sqlite3.Connection:
        """A connection that leaves no trace; where nobody has the file open for writing, it needs no other file."""
        if self._log.exists() and self._shared_memory.exists():
            how = "mode=ro"
        elif _stat(self._log)[1] == 0:
            how = "immutable=1"
        else:
            raise StoreError(
                f"store {self.name} is read-only, and its last changes are still in {self._log}, which has to be "
                "merged; copy both files to a folder that you can write to, and read the copy"
            )
        uri = f"file:{quote(str(self._path.absolute()))}?{how}"
        return sqlite3.connect(uri, timeout=BUSY_TIMEOUT, uri=True, check_same_thread=False)

    @property
    def _shared_memory(self) -> Path:
        return self._beside("-shm")

    def _check_path(self, create: bool) -> None:
        path = self._path
        if path.is_dir():
            raise StoreError(f"store {path} is a folder; give the path of a file in it")
        if not path.exists() and not create:
            raise StoreError(f"there is no store at {path}; run the program first, or give the path of its store")
        folder = path.resolve().parent
        if not folder.is_dir():
            raise StoreError(f"store {path}: the folder {folder} does not exist; create it or give another path")
        if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(f"store {path}: the folder {folder} is not writable; give a path that you can write to")


class SqliteMemory(_Sqlite):
    """A store in memory: it lives as long as its engine, has one connection, and no other process can reach it."""

    schemes = ("memory",)
    is_shared = False

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._files: dict[tuple[str, str], bytes] = {}

    def open(self, durability: str, *, create: bool) -> Engine:
        """Make an empty one, always: `create` would only matter to somebody who looks for what another has made."""
        connect = {"check_same_thread": False}
        return self._engine(":memory:", durability, (), poolclass=StaticPool, connect_args=connect)

    def keep_file(self, run_id: str, name: str, content: bytes) -> None:
        """In memory."""
        self._files[run_id, name] = content

    def kept_file(self, run_id: str, name: str) -> bytes:
        """From memory."""
        if (run_id, name) not in self._files:
            raise StoreError(f"the store in memory has no file {name}")
        return self._files[run_id, name]

    def drop_results(self, run_id: str) -> None:
        """All of the run's files."""
        for key in [key for key in self._files if key[0] == run_id]:
            del self._files[key]


def is_damage(error: BaseException | None) -> bool:
    """Whether the error says that a file that once was a store has been damaged."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return str(error).startswith("Could not decode")
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR) and not isinstance(
        error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)
    )


def _patiently(cursor: sqlite3.Cursor, statement: str) -> None:
    """Execute, and wait as long as for a writer where SQLite does not: it says at once that it is busy when others are
    making the same file."""
    end = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _stat(file: Path) -> tuple[int, int, int]:
    try:
        about = file.stat()
    except OSError:
        return 0, 0, 0
    return about.st_ino, about.st_size, about.st_mtime_ns
