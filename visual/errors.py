"""What drawing raises on purpose: `PictureError`, an `eventcore.EventcoreError`."""

from eventcore.errors import EventcoreError


class PictureError(EventcoreError):
    """A picture cannot be made; the message says what is missing and how to get it."""
