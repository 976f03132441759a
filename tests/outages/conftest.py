"""Servers of a test's own, with a store on each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.processes import scripts as scripts
from tests.eventcore.record.places import REMOTE
from tests.servers.served import Served, server
from tests.servers.software import USER


@pytest.fixture(params=REMOTE)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with server(request.param) as found:
        yield found


@pytest.fixture
def location(served: Served) -> str:
    """The URL of an empty database on the server."""
    if served.kind == "postgresql":
        return f"postgresql://{USER}@127.0.0.1:{served.port}/postgres"
    import pymysql

    made = pymysql.connect(host="127.0.0.1", port=served.port, user=USER, ssl_disabled=True)
    made.cursor().execute("CREATE DATABASE runs")
    made.close()
    return f"mariadb://{USER}@127.0.0.1:{served.port}/runs"
