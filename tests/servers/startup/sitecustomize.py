"""Has programs that a test starts keep their stores where the test does, see `tests.servers.elsewhere`."""

import os

from eventcore.record import registry
from tests.servers.elsewhere import VARIABLE, redirected

if VARIABLE in os.environ:
    registry.backends = redirected(*os.environ[VARIABLE].split())  # type: ignore[assignment]
