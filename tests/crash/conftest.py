import logging
from collections.abc import Iterator

import pytest

from tests.crash.processes import scripts

__all__ = ["quiet", "scripts"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of engines have nothing to say here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
