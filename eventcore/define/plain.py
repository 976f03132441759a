"""Names and other text of users in a form that a terminal cannot misunderstand."""

from __future__ import annotations

import shlex
import unicodedata


def plain(text: str) -> str:
    r"""The text in one line: what a terminal would obey or hide is shown as in Python, such as `\n` and `\x1b`."""
    return text if text.isprintable() else "".join(map(_shown, text))


def quoted(text: str) -> str:
    """The text as a word for a shell; what cannot be printed is in the form `$'...'`, which bash and zsh know."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{plain(escaped)}'"


def _shown(sign: str) -> str:
    if sign.isprintable() or unicodedata.category(sign) == "Zs":
        return sign
    code = ord(sign)  # a shell takes \x80 for a byte, Python for a character; \u0080 is the same for both
    return f"\\u{code:04x}" if 0x80 <= code < 0x100 else sign.encode("unicode_escape").decode("ascii")
