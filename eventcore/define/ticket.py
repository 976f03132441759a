"""Tickets: with one, whoever has it completes the try of a step that has deferred its end, once.

A ticket names the store, the run, the instance and the try, and has a secret that nobody can guess. Stores keep nothing
but its digest, so that reading a store does not give the right to complete anything.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import msgspec

from eventcore.define.sequence import is_name
from eventcore.errors import TicketError

LONGEST = 40_000  #: characters
LARGEST = 2**31  #: what stores can hold of a number


class Ticket(msgspec.Struct, frozen=True):
    """What a ticket says."""

    store: str  #: the store's path or URL; empty for one in memory
    run_id: str
    path: str  #: of the step
    sequence: str
    recovery: int
    try_number: int
    secret: str

    @property
    def instance(self) -> str:
        """As messages name it."""
        return f"{self.path}@{self.sequence}"

    @property
    def is_possible(self) -> bool:
        """Whether a store could hold what it says."""
        texts = (self.run_id, self.path, self.sequence, *filter(None, [self.store]))
        return all(map(is_name, texts)) and 0 <= self.recovery < LARGEST and 0 < self.try_number < LARGEST

    def written(self) -> str:
        """The ticket as text, of letters, digits, `-` and `_`."""
        data = json.dumps(msgspec.structs.astuple(self), ensure_ascii=False, separators=(",", ":"))
        return urlsafe_b64encode(data.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def new_secret() -> str:
    """What nobody can guess."""
    return secrets.token_urlsafe(24)


def digest_of(ticket: str) -> str:
    """What stores keep of a ticket."""
    return sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()


def read_ticket(text: str) -> Ticket:
    """What a ticket says; raises `TicketError` for a text that is none."""
    try:
        if not isinstance(text, str) or len(text) > LONGEST:
            raise ValueError
        data = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        said = msgspec.convert(dict(zip(Ticket.__struct_fields__, data, strict=True)), Ticket)
        if not said.is_possible:
            raise ValueError
        return said
    except (ValueError, TypeError, RecursionError, msgspec.ValidationError):
        raise TicketError(
            "this is not a ticket; pass on unchanged what current().defer() returned in the step"
        ) from None
