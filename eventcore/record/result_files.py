"""Large results in files next to a store: a folder for each run, a file for each result."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path


class ResultFiles:
    """The results under one folder; names are digests, since steps and runs may be called anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, run_id: str, key: tuple[str, str, int], text: str) -> str:
        """Have the text on the disk before the commit that speaks of it; returns the file's name."""
        file = self._of_run(run_id) / f"{_digest(*map(str, key))[:32]}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file.name

    def read(self, run_id: str, name: str) -> str:
        """The text of the file of this name."""
        return (self._of_run(run_id) / name).read_text(encoding="utf-8")

    def remove(self, run_id: str) -> None:
        """Remove all of a run's."""
        shutil.rmtree(self._of_run(run_id), ignore_errors=True)

    def _of_run(self, run_id: str) -> Path:
        return self._folder / _digest(run_id)[:16]


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
