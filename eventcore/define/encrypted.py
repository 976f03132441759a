"""Passwords that a configuration holds encrypted, and the keys that open them.

The keys are those of Fernet, in the environment variable `EVENTCORE_SECRET_KEY` or in the file that
`EVENTCORE_SECRET_KEY_FILE` names. The first one encrypts, and each of them decrypts, so that keys can be replaced one
after the other. The package `cryptography` is imported when something is encrypted.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from eventcore.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_VARIABLE = "EVENTCORE_SECRET_KEY"
KEY_FILE_VARIABLE = "EVENTCORE_SECRET_KEY_FILE"
OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def new_key() -> str:
    """A key that nobody can guess."""
    _imported("a new key")
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def encrypted(text: str) -> str:
    """The text as a token, encrypted with the first key; raises `ConfigError` without one."""
    return _keys("to encrypt").encrypt(text.encode()).decode()


def decrypted(token: object, where: str) -> str:
    """What a token says; raises `ConfigError` for one that none of the keys opens."""
    from_keys, data = _opened(token, where)
    return from_keys.decrypt(data).decode()


def rotated(token: object, where: str) -> str:
    """The token anew, encrypted with the first key; raises `ConfigError` for one that none of the keys opens."""
    from_keys, data = _opened(token, where)
    return from_keys.rotate(data).decode()


def read_private(path: Path, what: str) -> str:
    """The text of a file that only its owner may read; raises `ConfigError`."""
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & OF_OTHERS:
                raise ConfigError(f"{what} {path} can be read by others; run: chmod 600 {path}")
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(f"{what} {path} is not text in UTF-8; write it anew") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what} {path} cannot be read: {reason}; correct its path or its permissions") from None


def _opened(token: object, where: str) -> tuple[MultiFernet, bytes]:
    """The keys, and the token that they open."""
    keys = _keys(where)
    from cryptography.fernet import InvalidToken

    if not isinstance(token, str) or not re.fullmatch(r"[\w=-]+", token.strip(), re.ASCII):
        raise ConfigError(f"{where}: the encrypted password is damaged; make it anew with `sequent secret encrypt`")
    data = token.strip().encode()
    try:
        keys.decrypt(data).decode()
    except (InvalidToken, UnicodeDecodeError):
        raise ConfigError(
            f"{where}: the encrypted password cannot be opened: the key in {_source(where)[0]} is not the one that "
            "encrypted it, or its text is damaged; add the right key, or make it anew with `sequent secret encrypt`"
        ) from None
    return keys, data


def _keys(where: str) -> MultiFernet:
    """All keys; raises `ConfigError` where there is none, or one that is none."""
    _imported(where)
    from cryptography.fernet import Fernet, MultiFernet

    source, text = _source(where)
    keys = re.split(r"[\s,]+", text.strip(" \t\r\n,"))
    if keys == [""]:
        raise ConfigError(
            f"{where}: there is no key for encrypted passwords; make one with `sequent secret new-key --file PATH`, "
            f"and set {KEY_FILE_VARIABLE} to PATH, or {KEY_VARIABLE} to the key itself"
        )
    found = []
    for number, key in enumerate(keys, 1):
        try:
            found.append(Fernet(key.encode()))
        except ValueError:
            named = f"key {number} of {len(keys)}" if len(keys) > 1 else "the key"
            raise ConfigError(
                f"{where}: {named} in {source} is not a key; make one with `sequent secret new-key`"
            ) from None
    return MultiFernet(found)


def _source(where: str) -> tuple[str, str]:
    """Where the keys are, in words, and their text."""
    if os.environ.get(KEY_VARIABLE, "").strip():
        return KEY_VARIABLE, os.environ[KEY_VARIABLE]
    name = os.environ.get(KEY_FILE_VARIABLE, "")
    if not name:
        return KEY_VARIABLE, ""
    return f"file {name}", read_private(Path(name), f"{where}: the key file")


def _imported(where: str) -> None:
    try:
        import cryptography.fernet  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where}: encrypted passwords need {error.name}, which is not installed; run: "
            "pip install 'sequent-flow[secrets]'"
        ) from None
