"""A run while it goes on: read from the store alone, as a tree that fits the terminal or as a line for each change."""

from visual.live.changes import changes
from visual.live.moment import Moment, look
from visual.live.screen import picture

__all__ = ["Moment", "changes", "look", "picture"]
