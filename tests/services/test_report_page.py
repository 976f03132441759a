"""The report in a browser: what a reader does with it in the morning."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import eventcore as evr
import sequent as seq
import visual
from tests.services.served import LONG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NASTY = "</script><img src=x onerror=\"document.title='acted'\">"


def convert(amount: str) -> int:
    logging.getLogger("convert").warning("converts %s %s", amount, NASTY)
    if amount == "oops" and evr.current().recovery == 0:
        raise ValueError(f"{amount} is no amount {NASTY}")
    return int(amount) if amount.isdigit() else 0


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    settings = {"task_construct": "invoke", "console": False, "logdir": str(folder), "stop_on_exception": False}
    flow = seq.Sequent("month end", folder / "month.run.db", config=settings)
    amounts = flow.add_step("amounts", loop=["12", "30", "oops", *map(str, range(200))])
    amounts.add_step("convert", convert, args=(amounts.item,))
    flow.add_step("publish", print, require=((amounts, seq.STEP_SUCCESS),))
    assert not flow.run()
    path = folder / "report.html"
    path.write_text(visual.report(folder / "month.run.db"), encoding="utf-8")
    return path


class Seen:
    """What a page asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened as a file; it must neither ask for anything nor complain."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    opened = context.new_page()
    opened.set_default_timeout(LONG)
    seen = Seen(opened)
    opened.goto(report.as_uri())
    yield opened
    assert set(seen.requests) == {report.as_uri()}
    assert seen.complaints == []
    assert opened.title().startswith("month end: failure")
    context.close()


def text(page: Page, selector: str) -> str:
    return page.locator(selector).inner_text()


def test_the_failure_is_open_at_once_with_its_traceback_its_log_and_the_way_on(page: Page) -> None:
    failures = text(page, "#failures")
    assert "amounts/convert@1.3" in failures
    assert 'raise ValueError(f"{amount} is no amount' in failures
    assert f"converts oops {NASTY}" in failures
    assert "sequent recover" in text(page, "#head")


def test_a_click_on_a_step_shows_its_instances_and_one_of_them_its_traceback(page: Page) -> None:
    page.locator('#graph [data-step="amounts/convert"]').click()
    details = page.locator("#details")
    assert "203 instances" in details.inner_text()
    details.get_by_role("button", name="@1.3 ").first.click()
    assert f"ValueError: oops is no amount {NASTY}" in details.inner_text()
    assert "'oops'" in details.inner_text()
    page.keyboard.press("Escape")
    assert details.is_hidden()


def test_a_script_that_is_not_the_pages_own_does_not_run(browser: Browser, report: Path) -> None:
    opened = browser.new_page()
    opened.goto(report.as_uri())
    for properties in ("{src: 'data:text/javascript,document.title=1'}", "{text: 'document.title=2'}",
                       "{type: 'module', text: 'import \"data:text/javascript,document.title=3\"'}"):  # fmt: skip
        with opened.expect_console_message(lambda message: "script-src 'nonce-" in message.text):
            opened.evaluate(f"document.body.append(Object.assign(document.createElement('script'), {properties}))")
    assert opened.title().startswith("month end: failure")
    opened.close()


def test_a_step_is_reached_by_keyboard_alone(page: Page) -> None:
    page.locator('#graph [data-step="publish"]').focus()
    page.keyboard.press("Enter")
    assert "No instance of this step was reached" in text(page, "#details")


def test_the_table_is_searched_sorted_and_walked_by_keyboard(page: Page) -> None:
    table = page.locator("#instances")
    assert "203 instances" in table.inner_text()
    page.get_by_role("searchbox").fill("oops")
    assert "1 of 203 instances" in table.inner_text()
    table.locator('[id="row-0"]', has_text="1.3").wait_for()
    page.get_by_role("searchbox").fill("")
    table.get_by_role("button", name="Sequence").click()
    table.get_by_role("button", name="Sequence").click()
    table.locator('[id="row-0"]', has_text="1.203").wait_for()
    table.locator(".body").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert "amounts/convert@1.1" in text(page, "#details h3")


def test_the_table_holds_only_the_rows_in_view(page: Page) -> None:
    assert page.locator("#instances .body .row").count() < 60


def test_a_bar_of_the_timeline_is_chosen_by_a_click(page: Page) -> None:
    page.locator("#timeline").scroll_into_view_if_needed()
    box = page.locator("#timeline .lanes canvas").bounding_box()
    assert box is not None
    for place in range(1, 100):  # where the bars are is up to the machine
        page.mouse.click(box["x"] + box["width"] * place / 100, box["y"] + 28 + 24 + 12)
        if page.locator("#details").is_visible():
            break
    assert text(page, "#details h3").startswith("amounts/convert@1.")


def test_the_critical_path_goes_through_all_iterations_of_a_sequential_loop(page: Page) -> None:
    assert "203 tasks" in text(page, "#critical summary")


def test_dark_is_as_the_system_says_or_as_the_reader_chooses(page: Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = background()
    assert dark != light
    page.get_by_role("button", name="Switch to light colours").click()
    assert background() == light
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert background() == dark


def test_the_tree_says_the_same_as_the_graph(page: Page) -> None:
    page.get_by_role("button", name="Tree", exact=True).click()
    tree = text(page, "#tree")
    assert "convert" in tree
    assert "failure 202/203" in tree
    assert "not reached" in tree
    assert page.locator("#graph").is_hidden()


def test_without_graphviz_the_page_works_with_the_tree(
    browser: Browser, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> None:
        return None

    monkeypatch.setattr("visual.graph.render.shutil.which", none)
    monkeypatch.setattr("visual.graph.render.find_spec", none)
    plain = report.with_name("plain.html")
    plain.write_text(visual.report(report.with_name("month.run.db")), encoding="utf-8")
    page = browser.new_page()
    seen = Seen(page)
    page.goto(plain.as_uri())
    page.locator('#tree [data-step="amounts/convert"]').click()
    assert "203 instances" in text(page, "#details")
    assert seen.complaints == []
    page.close()


def unreliable(name: str) -> None:
    raise ConnectionError(f"{name} does not answer, and its address is {'very-' * 40}long {NASTY}")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a failure that is handled, one that is not, a step that waits for its next try, and long names."""
    folder = tmp_path_factory.mktemp("mixed")
    settings = {"task_construct": "thread", "console": False, "logdir": str(folder), "stop_on_exception": False}
    flow = seq.Sequent("all_that_can_happen_in_a_night", folder / "mixed.run.db", config=settings)
    tables = flow.add_step("the_tables_of_the_warehouse", loop=["orders", "clients", NASTY])
    load = tables.add_step("load_from_the_source_system", unreliable, args=(tables.item,))
    tables.add_step("repair_what_was_not_loaded", print, require=((load, seq.STEP_FAILURE),))
    flow.add_step("notify", unreliable, args=("mail",), config={"retries": 1, "retry_delay": 100_000})
    flow.add_step("publish", unreliable, args=("web",))
    assert not flow.run(max_loops=1)
    path = folder / "mixed.html"
    path.write_text(visual.report(folder / "mixed.run.db"), encoding="utf-8")
    return path


@pytest.fixture
def phone(browser: Browser, mixed: Path) -> Iterator[Page]:
    """The report of such a run on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened = context.new_page()
    opened.set_default_timeout(LONG)
    seen = Seen(opened)
    opened.goto(mixed.as_uri())
    yield opened
    assert seen.complaints == []
    context.close()


def test_fatal_failures_come_first_and_handled_ones_apart_from_them(browser: Browser, mixed: Path) -> None:
    page = browser.new_page()
    page.goto(mixed.as_uri())
    assert [heading.split(")")[0] for heading in page.locator("#failures h3.kind").all_inner_texts()] == [
        "Fatal (1", "Handled (3",
    ]  # fmt: skip
    fatal, *handled = page.locator("#failures details.failure").all()
    assert fatal.get_attribute("data-kind") == "fatal"
    assert "publish@1" in fatal.inner_text()
    assert {card.get_attribute("data-kind") for card in handled} == {"handled"}
    assert "the_tables_of_the_warehouse/load_from_the_source_system@1.1 [orders]" in text(page, "#failures")
    page.locator("#failures").get_by_role("button", name="Show them in the table").click()
    assert "3 of 8 instances" in text(page, "#instances")
    page.close()


def test_a_step_that_waits_for_its_next_try_says_so_and_when_it_is_due(phone: Page) -> None:
    assert "next due" in text(phone, "#head").lower()
    line = phone.locator('#tree [data-step="notify"]')
    assert "waiting for retry" in line.inner_text()
    line.click()
    details = text(phone, "#details")
    assert "waiting for retry" in details
    assert "number 2, due " in details


def test_errors_are_in_view_beside_the_details(browser: Browser, mixed: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(mixed.as_uri())
    page.locator("#instances .body .row", has_text="failure, handled").first.click()
    grid = page.locator("#instances .grid").bounding_box()
    error = page.locator("#instances .body .row.chosen .error").bounding_box()
    assert grid is not None
    assert error is not None
    assert error["x"] + error["width"] <= grid["x"] + grid["width"]
    assert error["width"] > 60
    page.close()


def width(page: Page) -> int:
    return int(page.evaluate("Math.max(document.documentElement.scrollWidth, innerWidth)"))


def test_on_a_phone_nothing_is_wider_than_the_page(phone: Page) -> None:
    assert width(phone) == 390
    phone.get_by_role("button", name="Graph", exact=True).click()
    assert width(phone) == 390
    phone.locator("#critical summary").click()
    assert width(phone) == 390
    phone.locator("#failures .places button, #failures .inside button").first.click()
    assert phone.locator("#details").is_visible()
    assert width(phone) == 390
    outside = """() => [...document.querySelectorAll("#details *, #failures *, #head *")]
        .filter((one) => one.getBoundingClientRect().right > 390).map((one) => one.outerHTML)"""
    assert phone.evaluate(outside) == []


def test_on_a_phone_a_row_of_the_table_shows_its_status_and_its_error(phone: Page) -> None:
    row = phone.locator("#instances .body .row", has_text="failure, handled").first
    row.scroll_into_view_if_needed()
    for part in (".path", ".status", ".error", ".took"):
        box = row.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["width"] > 20
    row.click()
    assert "load_from_the_source_system@1." in text(phone, "#details h3")


def fails_at_first() -> None:
    if evr.current().recovery == 0:
        raise OSError("the disk is not mounted")


def test_a_failure_that_the_recovery_did_not_come_to_is_not_called_fatal(browser: Browser, tmp_path: Path) -> None:
    settings = {"task_construct": "invoke", "console": False, "logging_level": "CRITICAL", "stop_on_exception": False}

    def flow() -> seq.Sequent:
        found = seq.Sequent("mount", tmp_path / "mount.run.db", config=settings)
        first = found.add_step("read", fails_at_first)
        found.add_step("warn", unreliable, args=("mail",), require=((first, seq.STEP_FAILURE),))
        return found

    assert not flow().run()
    assert flow().run(run_mode=seq.RunMode.recover)
    path = tmp_path / "mount.html"
    path.write_text(visual.report(tmp_path / "mount.run.db"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert text(page, "#failures h3").startswith("Not rerun in recovery 1 (1)")
    assert text(page, "#failures summary").startswith("warn@1")
    page.close()
