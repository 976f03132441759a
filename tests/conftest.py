"""Settings of the property tests, Ctrl-C as in a terminal, and the stores that tests run on.

Property tests are quick where people wait, and the same every time on a build server. Tests press Ctrl-C, which a shell
makes the programs that it starts in the background ignore.

Tests of the packages that keep a store in a folder run on a server, too, on PostgreSQL and MariaDB by turns; with
`STORES=all`, on both. Left out are those marked as being about SQLite and, unless `STORES=all` says so, modules that
would find out nothing about a store; `STORES=sqlite` leaves out all.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

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

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PACKAGES = [Path(__file__).parent / package for package in ("eventcore", "sequent", "visual")]
STORES = os.environ.get("STORES", "")
ABOUT_OTHER_THINGS = (
    "changed_kinds", "check_calls", "codecs", "config", "config_inheritance", "decorated_steps", "engine_log",
    "executors", "folding", "growth", "large", "library_values", "log_folders", "notebook", "numpy_values", "rendering",
    "shell_steps", "started_processes", "step_logs", "testing",
)  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test run on every kind of store."""
    test = metafunc.definition
    keeps_a_store = "tmp_path" in metafunc.fixturenames and test.path.parent in PACKAGES
    is_left_out = STORES == "sqlite" or (test.path.stem.removeprefix("test_") in ABOUT_OTHER_THINGS and STORES != "all")
    if keeps_a_store and not is_left_out and test.get_closest_marker("sqlite") is None:
        servers = ["postgresql", "mariadb"]
        if STORES != "all":
            servers = [servers[crc32(test.name.encode()) % 2]]
        metafunc.parametrize("kept_on", ["sqlite", *servers], indirect=True)


@pytest.fixture(autouse=True)
def kept_on(request: pytest.FixtureRequest) -> Iterator[str]:
    """On what a test's stores at paths are kept."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    from tests.servers.elsewhere import kept

    with kept(kind):
        yield kind
