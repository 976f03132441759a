"""Results in files next to a store: a folder for each run, a file for each large result and for large bytes in one."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from eventcore.define.values import REMEDY
from eventcore.errors import StoreError

NAME = re.compile(r"[0-9a-f]{32}\.json")  #: of a result's file, which a row of the store tells


class ResultFiles:
    """The results under one folder, in which each run has one that is named by a digest: its id may be any text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entered: set[Path] = set()  #: folders of runs whose own entries are on disk

    def write(self, run_id: str, text: str) -> str:
        """Write the text, so that it is on disk before the commit that mentions it; returns the file's name.

        No other file has this name: an engine that was stopped may write when another one has taken over its run.
        Raises `StoreError` where that fails, and leaves no part of it behind.
        """
        name = f"{token_hex(16)}.json"
        self._put(run_id, name, text.encode(), f"the result, {len(text)} characters long,")
        return name

    def write_file(self, run_id: str, name: str, content: bytes) -> None:
        """Write a file that a result speaks of, just as durably; it appears under its name when it is complete."""
        self._put(run_id, name, content, f"the result's file, {len(content)} bytes long,")

    def file(self, run_id: str, name: str) -> Path:
        """Where a file that `write_file` wrote is."""
        return self._of_run(run_id) / name

    def _put(self, run_id: str, name: str, content: bytes, what: str) -> None:
        folder = self._of_run(run_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / name, content)
            self._sync_entries(folder)
        except OSError as error:
            raise StoreError(
                f"{what} cannot be kept in {folder}: {error.strerror or error}; free disk space or correct the "
                "folder's permissions, then recover the run"
            ) from error

    def read(self, run_id: str, name: str) -> str:
        """The text of a file that `write` named; raises `StoreError` where it is gone, damaged or named otherwise."""
        if not NAME.fullmatch(name):
            raise StoreError(f"its file cannot be called {name!r:.80}; {REMEDY}")
        file = self._of_run(run_id) / name
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = (error.strerror or error) if isinstance(error, OSError) else error
            raise StoreError(f"its file {file} cannot be read: {reason}; {REMEDY}") from error

    def remove(self, run_id: str) -> None:
        """Remove all results of a run."""
        shutil.rmtree(self._of_run(run_id), ignore_errors=True)

    def _of_run(self, run_id: str) -> Path:
        return self._folder / sha256(run_id.encode()).hexdigest()[:16]

    def _sync_entries(self, folder: Path) -> None:
        """Have the file's entry on disk and, once, those of the folders around it: who made them may have died."""
        _sync(folder)
        if folder not in self._entered:
            _sync(self._folder)
            _sync(self._folder.parent)
            self._entered.add(folder)


def _write(file: Path, content: bytes) -> None:
    """Write a file that replaces another one, or appears, when it is on disk."""
    begun = file.with_name(f"{file.name}.{token_hex(4)}.part")
    try:
        with begun.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        begun.replace(file)
    except OSError:
        with suppress(OSError):
            begun.unlink()
        raise


def _sync(folder: Path) -> None:
    """Have the folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
