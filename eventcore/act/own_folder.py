"""Logs in a folder that everybody may write to, such as the system's for temporary files, are in one of the user's own.

Otherwise another user could put a link where a log file will be, and so have a step write into any file of its user;
and the first user of a program's name would keep all others from logging.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

CANDIDATES = 20  #: names that are tried, where others have taken the ones before


def log_root(logdir: str) -> tuple[str, bool]:
    """Where the runs of a configured folder log: in itself or, where others may write to it, in the user's own.

    The second value says which: whether it is the user's own, which `claim` has to look at before each use.
    """
    folder = str(Path(logdir).absolute())
    if not _is_open_to_all(folder):
        return folder, False
    names = [f"{folder}/eventcore-{os.geteuid()}{f'.{number}' if number else ''}" for number in range(CANDIDATES)]
    for name in names:
        with suppress(OSError):
            claim(name)
            return name, True
    return names[0], True


def claim(folder: str) -> None:
    """Make the folder, if it is not there; raises `OSError` unless it is a folder that only this user can change."""
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)  # noqa: PTH102  it is looked at before each log file
    about = os.lstat(folder)
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder that only this user can change")


def _is_open_to_all(folder: str) -> bool:
    try:
        return bool(Path(folder).stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False
