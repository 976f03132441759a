"""Which backend serves a location: found by the location's scheme among the files of `eventcore.record.backends`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from types import ModuleType

from eventcore.define.passwords import connectable
from eventcore.errors import StoreError
from eventcore.record.backend import Backend
from eventcore.record.location import scheme_of

BACKENDS = "eventcore.record.backends"


def backend_of(location: str) -> Backend:
    """The backend for a path, `:memory:` or a URL; raises `StoreError` for a scheme that none serves.

    A URL may have a password in it, or be one whose password this process knows (see `eventcore.define.passwords`).
    """
    scheme, known = scheme_of(location), backends()
    begun, colon, _ = location.partition(":")
    meant = known.get(begun.partition("+")[0].lower()) if colon and scheme == "sqlite" else None
    if meant is not None and meant.is_remote:  # there may be a password in the rest
        raise StoreError(f"store {begun}:...: this is not a URL; write {begun}://user@host:port/database")
    if scheme not in known:
        urls = ", ".join(f"{name}://" for name in sorted(known))
        raise StoreError(
            f"store {scheme}://...: unknown kind of database {scheme!r}; give the path of a file, ':memory:', or a URL "
            f"with one of {urls}"
        )
    return known[scheme](connectable(location))


def shared_backend(location: str) -> Backend:
    """The backend for a store that others can open, too; raises `StoreError` for one that only its program has."""
    backend = backend_of(location)
    if not backend.is_shared:
        raise StoreError(
            f"store {backend.name} is in memory, where only the program that runs it can read and steer its runs; "
            "keep the run in a file instead"
        )
    return backend


@cache
def backends() -> Mapping[str, type[Backend]]:
    """All backends by the schemes that they serve."""
    package = import_module(BACKENDS)
    modules = [import_module(f"{BACKENDS}.{found.name}") for found in iter_modules(package.__path__)]
    return {scheme: kind for module in modules for kind in _defined_in(module) for scheme in kind.schemes}


def _defined_in(module: ModuleType) -> Iterator[type[Backend]]:
    for kind in vars(module).values():
        is_backend = isinstance(kind, type) and issubclass(kind, Backend) and kind.__module__ == module.__name__
        if is_backend and not isabstract(kind):
            yield kind
