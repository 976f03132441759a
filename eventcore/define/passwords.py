"""Passwords in the URLs of stores: taken out where one comes in, and known to nobody but who connects.

Everything passes on a store's location without its password: what it says can be shown, stored and typed again. The
password stays in this process, under that text, and `connectable` puts it back for a backend. Processes of this
program that must open the store, too, get it from `eventcore.run.lending` or `sequent.cli.handed_over`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_USER = r"([A-Za-z][\w.+-]*://[^\s:/@?#\[\]]*)"  #: scheme and user of a URL
_OF_URL = re.compile(rf"{_USER}:[^@]*@((?:[^/?#@]*@)*)")  #: the password ends where SQLAlchemy takes it to end
_IN_TEXT = re.compile(rf"{_USER}:[^\s/?#@'\"]*@")
_OPTION_IN_TEXT = re.compile(r"([?&](?:\w*passw(?:or)?d|pwd)=)[^&\s'\"]+", re.IGNORECASE)
_IN_FILE = re.compile(r"sqlite(\+\w+)?://", re.IGNORECASE)
_SECRET = re.compile(r"passw(or)?d|^pwd$|secret|^scram_(client|server)_key$", re.IGNORECASE)

#: locations with their passwords, by those without: of one process, which has to find them wherever a store is opened
_known: dict[str, str] = {}
_tags: dict[str, str] = {}  #: the configuration's names of some of them


def shown(location: str) -> str:
    """A location without any password in it; it can be used again where the password comes from elsewhere."""
    if "://" not in location or _IN_FILE.match(location):
        return location
    found = _OF_URL.match(location)
    address, separator, query = (f"{found[1]}@{location[found.end() :]}" if found else location).partition("?")
    kept = [option for option in query.split("&") if not _SECRET.search(unquote(option.partition("=")[0]))]
    return f"{address}{separator if any(kept) else ''}{'&'.join(kept)}"


def withheld(location: str, tag: str = "") -> str:
    """The location without any password; this process remembers what is left out.

    `tag` is the configuration's name of the database, where that is where the password comes from.
    """
    text = shown(location)
    if text != location:
        is_known = _known.get(text) == location
        _known[text], _tags[text] = location, tag or (_tags[text] if is_known else "")
    return text


def tag_of(location: str) -> str:
    """By which tag of the configuration other processes find the password that this one knows; empty for none."""
    return _tags.get(location, "")


def connectable(location: str) -> str:
    """The location with the password that this process knows for it, for a backend that connects."""
    return _known.get(location, location)


def is_withheld(location: str) -> bool:
    """Whether this process knows a password for the location."""
    return location in _known


def masked(text: str) -> str:
    """A text of any kind, such as a traceback, without the passwords of URLs in it: `***` stands for them."""
    if "://" not in text:
        return text
    for known, location in list(_known.items()):
        text = text.replace(location, known)
    return _OPTION_IN_TEXT.sub(r"\1***", _IN_TEXT.sub(r"\1:***@", text))
