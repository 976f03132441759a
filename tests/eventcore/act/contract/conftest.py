"""The executor that a test is run over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.eventcore.act.bench import Bench
from tests.eventcore.act.contract.constructs import CONSTRUCTS, until_cancelled, until_there


@pytest.fixture
def name() -> str:
    """Which executor it is."""
    return "process"


@pytest.fixture
def bench(name: str) -> Iterator[Bench]:
    """The executor and what it reports."""
    bench = Bench(CONSTRUCTS[name], max_concurrent=2)
    yield bench
    bench.executor.close()


@pytest.fixture
def endless_call(name: str, tmp_path: Path) -> Iterator[tuple[Any, ...]]:
    """A step, with its arguments, that runs for as long as the test lasts."""
    over = tmp_path / "over"
    yield (until_cancelled,) if name == "async" else (until_there, str(over))
    over.touch()
