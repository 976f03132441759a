"""Settings of the property tests: quick where people wait, the same examples every time on a build server."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "property",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
settings.load_profile("property")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of runs have nothing to say."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
