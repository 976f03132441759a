"""What all property tests need."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of runs have nothing to say."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
