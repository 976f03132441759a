"""The stores of a page: what a number in an address can mean."""

from __future__ import annotations

import asyncio
import json

import pytest

from sequent.cli.launcher import Launcher
from visual.page.feed import Feed
from visual.page.stores import Stores
from visual.page.topics import AllRuns


def test_a_store_keeps_its_number_when_others_come_and_go() -> None:
    found = ["/b.db"]
    stores = Stores(lambda: found)
    assert stores.at(1) == "/b.db"
    found = ["/a.db", "/b.db"]
    assert [(place.number, place.location) for place in stores.all()] == [(2, "/a.db"), (1, "/b.db")]
    found = ["/c.db"]
    assert (stores.at(1), stores.at(3)) == ("/b.db", "/c.db")


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_number_that_no_store_has_is_not_there(number: int) -> None:
    with pytest.raises(KeyError):
        Stores(lambda: ["/a.db"]).at(number)


def test_pages_follow_a_folder_that_could_not_be_read_for_a_while() -> None:
    looks = 0

    def found() -> list[str]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise PermissionError("no access")
        return []

    async def followed() -> list[object]:
        listener, said = feed.listen("runs", lambda: AllRuns(Stores(found, "/folder"), Launcher({}))), list[object]()
        async for change in listener.changes():
            said.append(json.loads(change)["gone"])
            if said[-1] is None:
                feed.leave("runs", listener)
                return said
        return said

    feed = Feed()
    assert asyncio.run(asyncio.wait_for(followed(), 60)) == [
        "The store cannot be shown: PermissionError('no access')", None
    ]  # fmt: skip
