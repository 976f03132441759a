"""The report of a run that was recovered, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sequent as seq
import visual
from tests.support import boom, flow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def recovered(folder: Path) -> Path:
    """The report of a run that succeeds on another branch than the one on which it had failed."""
    for mode, check in ((seq.RunMode.restart, int), (seq.RunMode.recover, boom)):
        made = flow(folder / "run.db", mode, stop_on_exception=False)
        first = made.add_step("check", check, recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})
        risky = made.add_step("risky", boom, require=((first, seq.STEP_SUCCESS),))
        made.add_step("mends", int, require=((risky, seq.STEP_FAILURE),))
        made.add_step("lost", boom, require=((first, seq.STEP_SUCCESS),))
        made.add_step("instead", int, require=((first, seq.STEP_FAILURE),))
        days = made.add_step("days", loop=[1, 2])
        days.add_step("load", int)
        assert made.run() is (mode is seq.RunMode.recover)
    path = folder / "report.html"
    path.write_text(visual.report(folder / "run.db"), encoding="utf-8")
    return path


def opened(page: Page, step: str) -> Any:
    """The details of a step."""
    page.locator("#steps-tools").get_by_text("Tree").click()
    page.locator(f'#tree [data-step="{step}"]').click()
    return page.locator("#details")


def test_a_step_that_failed_before_is_not_reached_and_a_sum_of_times_is_called_one(
    browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(recovered(tmp_path).as_uri())
    details = opened(page, "risky").inner_text()
    assert "not reached" in details
    assert "1 failure in recovery 0" in details
    kinds = {card.get_attribute("data-kind"): card.inner_text() for card in page.locator("#failures .card").all()}
    assert kinds.keys() == {"handled", "earlier"}
    assert "check@1" in kinds["handled"]
    assert "Not rerun in recovery 1 (2)" in page.locator("#failures").inner_text()
    assert " in all" in opened(page, "days/load").inner_text()
    assert " in all" not in opened(page, "days").inner_text()
    page.close()
