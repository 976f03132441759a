"""Functions that travel by value, together with source that a worker could not read from a file.

The code of a notebook's cell is in no file: the kernel keeps its source in `linecache`, where tracebacks look for it.
Without it there, the traceback of a step that failed in a worker would name lines and show none.
"""

from __future__ import annotations

import io
import linecache
import pickle
from types import CodeType
from typing import Any

import cloudpickle


def dumps(value: object) -> bytes:
    """The value as bytes that `pickle.loads` makes it of in another process, where tracebacks show its source, too."""
    with io.BytesIO() as file:
        pickler = _Pickler(file)
        pickler.dump(value)
        body = file.getvalue()
    sources = {name: source for name in sorted(pickler.files) if (source := _source(name)) is not None}
    return pickle.dumps(_Sourced(sources, body)) if sources else body


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """cloudpickle's, which also notes the files that code comes from."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.files: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """See `pickle.Pickler`."""
        if type(value) is CodeType:
            self.files.add(value.co_filename)
        return super().reducer_override(value)


class _Sourced:
    """Is unpickled as the value in `body`, after the sources have been made known."""

    def __init__(self, sources: dict[str, str], body: bytes) -> None:
        self._sources = sources
        self._body = body

    def __reduce__(self) -> tuple[Any, ...]:
        return _loads, (self._sources, self._body)


def _loads(sources: dict[str, str], body: bytes) -> object:
    for name, source in sources.items():
        # without a time, it is not looked for on the disk
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    return pickle.loads(body)


def _source(name: str) -> str | None:
    """The source that was put into `linecache` by hand: what comes from a file has the file's time."""
    entry = linecache.cache.get(name)
    return "".join(entry[2]) if entry is not None and len(entry) == 4 and entry[1] is None else None
