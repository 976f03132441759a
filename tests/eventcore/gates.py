"""Steps that wait until a test lets them go, and the answers of steering."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import eventcore as evr
import sequent as seq
from tests.support import eventor

Steered = evr.Eventor | seq.Sequent


def outcome(answer: evr.Answer) -> tuple[str, str | None]:
    return answer.status.value, answer.reason


def refused(answer: evr.Answer) -> str:
    assert answer.is_refused, answer
    assert answer.reason is not None
    return answer.reason


class Gate:
    """A step that waits in a thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.begun.set()
        self.opened.wait(60)


@contextmanager
def running(program: Steered, *gates: Gate) -> Iterator[list[bool]]:
    """Run the program in a thread from when its gates are reached; at the end open them and await its verdict."""
    verdict: list[bool] = []
    thread = threading.Thread(target=lambda: verdict.append(program.run()))
    thread.start()
    try:
        assert all(gate.begun.wait(60) for gate in gates)
        yield verdict
    finally:
        for gate in gates:
            gate.opened.set()
        thread.join(60)
        assert not thread.is_alive()


def delayed(store: str) -> evr.Eventor:
    """A program whose run has stopped before a delay."""
    program = eventor(store)
    begin, later = program.add_event("begin"), program.add_step("later", str)
    program.add_event("more")
    program.add_assoc(begin, later, delay=100_000)
    program.trigger_event(begin, 1)
    program.run(max_loops=1)
    return program
