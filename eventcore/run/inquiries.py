"""Requests that other threads of this process make of a run in memory: its engine alone may touch its store."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from eventcore.define.answer import Answer, RequestStatus
from eventcore.record.verbs import RERUN

Record = Callable[[str, Mapping[str, Any]], Answer]


class Inquiry(msgspec.Struct):
    """A request, and its latest answer."""

    verb: str
    argument: Mapping[str, Any]
    answer: Answer
    heard: threading.Event = msgspec.field(default_factory=threading.Event)  #: nothing more is to come


class Inquiries:
    """Open while an engine may work on the run; `put` is for any thread, the rest for the engine's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Inquiry] = deque()
        self._recorded: dict[int, Inquiry] = {}
        self._is_closed = False

    def put(self, inquiry: Inquiry) -> bool:
        """Hand a request in; False where it is too late."""
        with self._lock:
            if not self._is_closed:
                self._waiting.append(inquiry)
            return not self._is_closed

    def record(self, record: Record) -> None:
        """Record what was handed in."""
        while self._waiting:
            inquiry = self._waiting.popleft()
            answer = inquiry.answer = record(inquiry.verb, inquiry.argument)
            assert answer.request is not None
            if answer.status is RequestStatus.taken and answer.verb != RERUN:
                self._recorded[answer.request] = inquiry
            else:
                inquiry.heard.set()

    def answered(self, request: int, reason: str | None) -> None:
        """Pass on what came of a request: it is done, or was refused for a reason."""
        inquiry = self._recorded.pop(request, None)
        if inquiry is not None:
            a, status = inquiry.answer, RequestStatus.done if reason is None else RequestStatus.refused
            inquiry.answer = Answer(request, a.run_id, a.verb, status, reason)
            inquiry.heard.set()

    def close(self, record: Record, look_up: Callable[[int], Answer]) -> None:
        """Record what came too late for the engine, and pass on what has become of the rest."""
        with self._lock:
            self._is_closed = True
        self.record(record)
        for request, inquiry in self._recorded.items():
            inquiry.answer = look_up(request)
            inquiry.heard.set()
