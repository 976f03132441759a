"""Opening a store through its backend, and what is asked of the backend by its location or by a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from eventcore.errors import StoreError
from eventcore.record.backend import BACKEND, Backend, backend_at
from eventcore.record.registry import backend_of
from eventcore.record.upgrades import prepare


def open_database(location: str, durability: str = "full", *, create: bool = True) -> Engine:
    """Connect to the store and bring its schema up to date; `dispose` of the engine when done.

    Raises `StoreError` for what cannot be opened or, without `create`, is not there; `StoreVersionError` for a store
    that this package cannot use.
    """
    backend = backend_of(location)
    with backend.reported(), _readable(backend):
        engine = backend.open(durability, create=create)
        engine.update_execution_options(**{BACKEND: backend})
        try:
            with engine.connect() as connection:
                prepare(connection, create=create)
                with suppress(DBAPIError):  # who may only read cannot
                    backend.note_start(connection)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def _readable(backend: Backend) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:  # of a message that quotes what is damaged
        raise StoreError(f"store {backend.name} is damaged: {error}; restore it from a backup") from error


def reported(location: str) -> AbstractContextManager[None]:
    """Have the driver's errors raised as `StoreError`s that name the store and the remedy."""
    return backend_of(location).reported()


def transaction(connection: Connection) -> AbstractContextManager[Connection]:
    """One write transaction on a store's connection: all of the block, or nothing."""
    return backend_at(connection).transaction(connection)
