"""A loop on the raw kernel: a step asks for its next round itself, until nothing is left to fetch.

The sequence is the page. `current().trigger` raises its event together with the step's own outcome, so a crash never
loses the loop, and a page that is recorded is not fetched again.
"""

import logging

import eventcore as evr

logger = logging.getLogger(__name__)

PAGES = [["ash", "birch"], ["elm"], ["fir", "larch", "oak"]]  # stands in for a service that answers in pages


def fetch() -> list[str]:
    page = int(evr.current().sequence)
    trees = PAGES[page - 1]
    logger.info("page %d: %s", page, ", ".join(trees))
    if page < len(PAGES):
        evr.current().trigger("page_wanted", page + 1)
    else:
        evr.current().trigger("all_fetched", "end")
    return trees


def finish() -> None:
    logger.info("that was all")


with evr.Eventor("raw_loop") as program:
    page_wanted = program.add_event("page_wanted")
    all_fetched = program.add_event("all_fetched")
    program.add_assoc(page_wanted, program.add_step("fetch", fetch))
    program.add_assoc(all_fetched, program.add_step("finish", finish))
    program.trigger_event(page_wanted, 1)
    succeeded = program.run()

raise SystemExit(not succeeded)
