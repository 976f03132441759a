"""Benches with worker processes."""

from collections.abc import Iterator

import pytest

from tests.eventcore.act.bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(max_concurrent=2)
    yield bench
    bench.executor.close()


@pytest.fixture
def lone() -> Iterator[Bench]:
    """A bench with one worker, so that each call follows the one before into the same process."""
    bench = Bench(max_concurrent=1)
    yield bench
    bench.executor.close()
