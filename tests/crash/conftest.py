import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of engines have nothing to say here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
