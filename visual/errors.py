"""What this package raises on purpose; all are an `eventcore.EventcoreError`."""

from eventcore.errors import EventcoreError


class PictureError(EventcoreError):
    """A picture cannot be made; the message says what is missing and how to get it."""


class NotBegunError(EventcoreError):
    """No engine could begin what a page asked for; the message says why."""


class PortError(EventcoreError):
    """The page's server cannot listen on the port that it was given; the message says why."""
