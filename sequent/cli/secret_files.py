"""Files with keys and encrypted passwords: written for nobody else to read, and changed in nothing but tokens."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml

from eventcore.define.encrypted import rotated
from eventcore.errors import ConfigError


def write_new(path: Path, text: str) -> None:
    """Write a file that its owner alone can read; raises `ConfigError` where there is one already."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} is there already, and a key in it would be lost; give another path") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; give another path") from None
    with open(file, "w", encoding="utf-8") as opened:  # noqa: PTH123  a descriptor is no path
        opened.write(text)


def rotated_text(path: Path) -> tuple[str, int]:
    """The text of a YAML file with its encrypted passwords rotated, and how many they are; raises `ConfigError`."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        tokens = {node.start_mark.index: node for tree in yaml.compose_all(text, yaml.SafeLoader) for node in _in(tree)}
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise ConfigError(f"{path} is not YAML{'' if line is None else f': see line {line + 1}'}") from None
    for start, node in sorted(tokens.items(), reverse=True):
        end, where = node.end_mark.index, f"{path}, line {node.start_mark.line + 1}"
        written = text[start:end]
        if node.value not in written:
            raise ConfigError(f"{where}: the encrypted password is written over several lines; write it in one")
        text = text[:start] + written.replace(node.value, rotated(node.value, where)) + text[end:]
    return text, len(tokens)


def replaced(path: Path, text: str) -> None:
    """Put another text into a file, all of it or nothing; who may read it stays as it is."""
    path = path.resolve()
    try:
        before = path.stat()
        file, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(file, "wb") as opened:  # noqa: PTH123  a descriptor is no path
                opened.write(text.encode())
                with suppress(PermissionError):
                    os.fchown(file, before.st_uid, before.st_gid)
                os.fchmod(file, stat.S_IMODE(before.st_mode))
                opened.flush()
                os.fsync(file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be changed: {error.strerror}; it is as it was") from None


def _in(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The tokens in a tree: each is the value of `encrypted`, the only key of a mapping."""
    seen, left = set[int](), [node]
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            left += [part for pair in node.value for part in pair]
            if len(node.value) == 1 and (token := _token(*node.value[0])) is not None:
                yield token


def _token(key: yaml.Node, value: yaml.Node) -> yaml.ScalarNode | None:
    if key.value == "encrypted" and isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:str":
        return value
    return None  # such as true is not meant
