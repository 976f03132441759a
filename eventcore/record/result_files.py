"""Large results in files next to a store: a folder for each run, a file for each result."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path


class ResultFiles:
    """The results under one folder; file names are digests, because steps and runs may have any name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, run_id: str, key: tuple[str, str, int], text: str) -> str:
        """Write the text, so that it is on disk before the commit that mentions it; returns the file's name."""
        folder = self._of_run(run_id)
        file = folder / f"{_digest(*map(str, key))[:32]}.json"
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        for entries in (folder, self._folder, self._folder.parent) if is_new else (folder,):
            _sync(entries)
        return file.name

    def read(self, run_id: str, name: str) -> str:
        """The text of a file that `write` named."""
        return (self._of_run(run_id) / name).read_text(encoding="utf-8")

    def remove(self, run_id: str) -> None:
        """Remove all results of a run."""
        shutil.rmtree(self._of_run(run_id), ignore_errors=True)

    def _of_run(self, run_id: str) -> Path:
        return self._folder / _digest(run_id)[:16]


def _sync(folder: Path) -> None:
    """Have the folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
