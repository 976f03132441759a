"""Open stores of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventcore.record.store import opened
from tests.eventcore.record.places import KINDS, REMOTE, SHARED, Place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with closing(opened(KINDS[request.param](tmp_path), "normal")) as store:
        yield Place(store)


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with closing(opened(KINDS[request.param](tmp_path), "normal")) as store:
        yield Place(store)


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with closing(opened(KINDS[request.param](tmp_path), "normal")) as store:
        yield Place(store)
