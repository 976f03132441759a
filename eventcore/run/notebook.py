"""How a program and its runs show themselves in a notebook: by whichever package offers to, found by an entry point."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from eventcore.act.observer import Observer
from eventcore.run import jupyter

if TYPE_CHECKING:
    from eventcore.define.config import Config
    from eventcore.record.reading import Reader
    from eventcore.run.request import Request

#: `picture`, a function from a program to what a notebook shows of it, by media type; `progress`, see `Progress`
GROUP = "eventcore.notebook"


class Shown(Protocol):
    """An `Eventor` or a `Sequent`."""

    @property
    def document(self) -> str:
        """The stored program as JSON text."""

    @property
    def store(self) -> str:
        """Where it keeps its runs."""

    @property
    def run_id(self) -> str:
        """The id of its run; empty while it is not known."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Open the store of its runs to read it."""


class Progress(Observer):
    """Shows how a call of `run` gets on, in place; made with the program and the request before the run is entered."""

    @abstractmethod
    def close(self) -> None:
        """The call is over: show how the run stands."""


def shown(program: Shown) -> dict[str, str]:
    """What a notebook shows of a program, by media type; its plain text where no package offers more."""
    offered = _offered("picture")
    found: dict[str, str] = {"text/plain": repr(program)} if offered is None else offered(program)
    return found


def offered_progress(config: Config) -> Callable[..., Progress] | None:
    """What shows the progress of runs here; None outside notebooks, and where the console is off."""
    made: Callable[..., Progress] | None = None
    if config.console is not False and jupyter.shell() is not None:
        made = _offered("progress")
    return made


@contextmanager
def watched(made: Callable[..., Progress] | None, program: Shown, request: Request) -> Iterator[list[Observer]]:
    """The observers that `made` makes for a call of `run`: one, or none."""
    if made is None:
        yield []
        return
    progress = made(program, request)
    try:
        yield [progress]
    finally:
        progress.close()


def _offered(name: str) -> Any:
    from importlib.metadata import entry_points  # only notebooks need it

    points = list(entry_points(group=GROUP, name=name))
    return points[0].load() if points else None
