"""The browser in which the documentation is read."""

from tests.services.conftest import browser as browser
