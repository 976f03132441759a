"""The stores of a page: what a number in an address can mean."""

from __future__ import annotations

import pytest

from visual.page.stores import Stores


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
