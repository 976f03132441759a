"""A nightly load of orders, region by region.

Each region is fetched, with retries since the line drops now and then, and loaded while one of two licences is held.
What cannot be loaded is put aside, which handles that failure: the run continues, and the totals are published.
"""

import logging
import time

from sequent import STEP_FAILURE, STEP_SUCCESS, ResourcePool, Sequent, current

logger = logging.getLogger(__name__)

ORDERS = {"north": "12 30 7", "south": "5 5", "west": "8 oops 1"}  # stands in for what the regions would send


def fetch(orders: str) -> list[str]:
    region = current().sequence.rpartition(".")[2]
    if region == "south" and current().try_number == 1:
        raise ConnectionError("the line to south dropped")
    return orders.split()


def load(amounts: list[str]) -> int:
    logger.info("takes a licence")
    try:
        time.sleep(0.2)  # mimic activity
        return sum(int(amount) for amount in amounts)
    finally:
        logger.info("gives it back")


def put_aside(amounts: list[str]) -> None:
    logger.info("put aside: %s", ", ".join(amount for amount in amounts if not amount.isdigit()))


def publish(totals: list[str]) -> None:
    logger.info("published the orders of %s", ", ".join(totals))


licences = ResourcePool("licences", 2)

nightly = Sequent("nightly", config={"max_concurrent": 4})

regions = nightly.add_step("regions", loop=ORDERS, concurrent=3)
fetched = regions.add_step("fetch", fetch, args=(regions.item,), config={"retries": 2, "retry_delay": [0.1, 1]})
loaded = regions.add_step("load", load, args=(fetched.result,), acquires=[(licences, 1)])
regions.add_step("put_aside", put_aside, args=(fetched.result,), require=((loaded, STEP_FAILURE),))

nightly.add_step("publish", publish, args=(list(ORDERS),), require=((regions, STEP_SUCCESS),))

if __name__ == "__main__":
    raise SystemExit(not nightly.run())
