"""A run in progress, read from the store alone: a tree that fits the terminal, or one line for each change."""

from visual.live.changes import changes
from visual.live.moment import Moment, look
from visual.live.screen import picture

__all__ = ["Moment", "changes", "look", "picture"]
