"""Jepsen's question again, behind a network that fails and before a server that crashes."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

from eventcore.record.store import opened
from tests.acceptance.test_lease_histories import TERM, Watched
from tests.crash.processes import Scripts
from tests.servers.proxy import Proxy
from tests.servers.served import Served

FAULTS = 20


def test_what_clients_see_while_network_and_server_fail_is_what_one_lease_can_show(
    scripts: Scripts, tmp_path: Path, served: Served, location: str
) -> None:
    """Each client is as on a host of its own: it loses the lease when its term is over, whether it lives or not."""
    chance = random.Random()
    with Proxy(served.port) as proxy, closing(opened(location)) as store:
        store.patience.seconds = 600.0
        watched = Watched(scripts, store, proxy.url(location), are_elsewhere=True)
        for number in range(FAULTS):
            watched.look()
            match "crash" if number % 10 == 5 else chance.choice(["cut", "before", "after", "silence", "client"]):
                case "crash":
                    served.kill()
                    served.start()
                case "cut":
                    proxy.cut(reset=chance.random() < 0.5)
                case "silence":
                    proxy.silence()
                    time.sleep(chance.random() * 3 * TERM)
                    proxy.heal()
                case "client":
                    watched.harm(chance)
                case when:
                    cut = {"before": proxy.cut_before, "after": proxy.cut_after}[when]
                    cut(chance.choice([b"COMMIT", b"host-of-", b"event"]), chance.randint(1, 3))
                    time.sleep(chance.random() * TERM)
        history = watched.assert_that_one_lease_can_show_this()
    assert any(one.again for one in history)
