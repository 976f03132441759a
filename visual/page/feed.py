"""One reader of the stores for all open pages: it reads while a page is open, and sends each page what changed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

import msgspec

from eventcore.errors import EventcoreError
from visual.page.topics import Topic
from visual.report.page import json_block

INTERVAL = 0.5  #: seconds between looks at what is live, and between glances at the files of what is not
SHARE = 4  #: and where a look takes long, that many times as long

Parts = Mapping[str, str]  #: JSON by the key of the page's data


class Listener:
    """One open page; what it has not taken yet is kept, the latest of each part."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._parts: dict[str, str] = {}
        self._over = False

    def tell(self, parts: Parts | None) -> None:
        """Hand over what changed, None for the end; from any thread."""
        self._loop.call_soon_threadsafe(self._take, parts)

    def _take(self, parts: Parts | None) -> None:
        self._over = self._over or parts is None
        self._parts.update(parts or {})
        self._news.set()

    async def changes(self) -> AsyncIterator[str]:
        """What changed, each time as one JSON object, until the server ends."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._over:
                return
            parts, self._parts = self._parts, {}
            yield "{" + ",".join(f'"{key}":{text}' for key, text in parts.items()) + "}"


class _Followed(msgspec.Struct):
    topic: Topic
    listeners: list[Listener] = []
    parts: dict[str, str] = {}
    is_live: bool = True
    stamp: object = None  #: how the store stood before the last look
    due: float = 0.0


class Feed:
    """Follows topics for their listeners."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._followed: dict[str, _Followed] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def listen(self, name: str, topic: Callable[[], Topic]) -> Listener:
        """Follow the named topic; what is known of it comes first, as a whole."""
        listener = Listener()
        with self._changed:
            followed = self._followed.setdefault(name, _Followed(topic()))
            followed.listeners.append(listener)
            if followed.parts:
                listener.tell(followed.parts.copy())
            if self._closed:
                listener.tell(None)
            elif self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="reader", daemon=True)
                self._thread.start()
            self._changed.notify()
        return listener

    def leave(self, name: str, listener: Listener) -> None:
        """Stop listening; a topic without listeners is not read."""
        with self._changed:
            followed = self._followed[name]
            followed.listeners.remove(listener)
            if not followed.listeners:
                del self._followed[name]
            self._changed.notify()

    def hurry(self) -> None:
        """Look at once: something was asked of a run."""
        with self._changed:
            for followed in self._followed.values():
                followed.due, followed.stamp = 0.0, None
            self._changed.notify()

    def close(self) -> None:
        """End all listening."""
        with self._changed:
            self._closed = True
            for followed in self._followed.values():
                for listener in followed.listeners:
                    listener.tell(None)
            self._changed.notify()

    def _follow(self) -> None:
        while True:
            with self._changed:
                if self._closed or not self._followed:
                    self._thread = None
                    return
                followed = min(self._followed.values(), key=lambda one: one.due)
                wait = followed.due - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
            self._look(followed)

    def _look(self, followed: _Followed) -> None:
        began = time.monotonic()
        followed.due = began + INTERVAL
        stamp = None
        with suppress(Exception):  # the look says what is wrong
            stamp = followed.topic.stamp()
        if not followed.is_live and stamp is not None and stamp == followed.stamp:
            return
        followed.stamp = stamp
        parts, followed.is_live = self._parts(followed.topic)
        ended = time.monotonic()
        followed.due = max(followed.due, ended + SHARE * (ended - began) if ended - began > INTERVAL / SHARE else 0.0)
        changed = {key: text for key, text in parts.items() if followed.parts.get(key) != text}
        if followed.is_live or changed.keys() - {"made"}:
            with self._changed:
                followed.parts = parts
                for listener in [] if self._closed else followed.listeners:
                    listener.tell(changed)

    def _parts(self, topic: Topic) -> tuple[dict[str, str], bool]:
        """What a look finds; where the store or the run is not there any more, that."""
        try:
            seen = topic.look()
        except (EventcoreError, KeyError) as error:
            gone = str(error) if isinstance(error, EventcoreError) else "The run is no longer in the store."
            return {"gone": json_block(gone)}, False
        except Exception as error:  # whatever it is, the thread goes on and the pages say it
            return {"gone": json_block(f"The store cannot be shown: {error!r}")}, False
        return {"gone": "null", **{key: json_block(value) for key, value in seen.data.items()}}, seen.is_live
