"""When something is due, UTC in seconds."""

LATEST = 253_402_300_799.0  #: the end of the year 9999, as far as calendars go
FARTHEST = LATEST - 2 * 86_400  #: what is in that year in all time zones


def due_at(now: float, seconds: float) -> float:
    """So many seconds from now, however many they are."""
    return min(now + seconds, FARTHEST)
