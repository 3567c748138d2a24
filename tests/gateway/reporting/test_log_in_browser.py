"""A manager's Monday: last week's handoffs, the metrics, and the downloads, in a real browser."""

import csv
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import use_key
from tests.browsers import fits, open_context
from tests.conftest import KEY
from tests.gateway.reporting.test_log import a_concern
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.history import fill
from tests.keys import KEYS
from tests.line import Talk
from tests.processes import Process

MANY = 1_500  # so many that the log does not count them all
MONDAYS = [(390, "light"), (1280, "dark"), (390, "dark"), (1280, "light")]
PATIENCE = 20_000  # of what is loaded afterwards, on a machine busy with other tests


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A program that has had many handoffs."""
    folder = tmp_path_factory.mktemp("monday")
    use_key(KEY, KEYS)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    talk = Talk(database)
    talk.clock.now = utc_now() - timedelta(days=2)
    fill(database, MANY, now=utc_now())
    for width, colors in MONDAYS:
        a_concern(talk, f"i would rather have somebody else, {width} {colors}")
    database.engine.dispose()
    gateway = Process(folder, "serve", SMS="phones").start()
    yield gateway
    gateway.kill()


def sign_in(page: Page) -> Page:
    page.goto("/sign-in?next=/log")
    page.get_by_role("button", name="Ruth, manager").click()
    return page


def fits_and_is_titled(page: Page) -> None:
    page.wait_for_load_state()
    fits(page)
    assert page.get_by_role("heading", level=1).count() == 1, page.url


def downloaded(page: Page, link: str, folder: Path) -> Path:
    with page.expect_download() as began:
        page.get_by_role("link", name=link, exact=True).click()
    file = folder / began.value.suggested_filename
    began.value.save_as(file)
    return file


@pytest.mark.parametrize(("width", "colors"), MONDAYS)
def test_ruth_reviews_the_week_and_downloads_it(
    browser: Browser, gateway: Process, trouble: list[str], tmp_path: Path, width: int, colors: str
) -> None:
    context = open_context(browser, gateway.url, trouble, width=width, colors=colors)
    page = sign_in(context.new_page())
    expect(page.get_by_role("heading", name="Handoff log")).to_be_visible()
    expect(page.get_by_text("1,000 handoffs or more")).to_be_visible()
    page.locator("[hx-get='/log/over-reliance']").scroll_into_view_if_needed()
    expect(page.get_by_text("No mentee over-relies on the bot")).to_be_visible()
    page.locator("[hx-get='/log/verdicts']").scroll_into_view_if_needed()
    summary = page.get_by_text(re.compile("decisions judged in the last 26 weeks"))
    expect(summary).to_be_visible(timeout=PATIENCE)
    fits_and_is_titled(page)

    page.get_by_label("Urgency").select_option("Crisis")
    page.get_by_label("Outcome").select_option("They did not answer")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("urgency=crisis.*outcome=noanswer"))
    rows = page.locator("tr[id^=row]")
    expect(rows.first).to_contain_text("They did not answer")
    assert {badge.inner_text() for badge in rows.locator(".badge").all()} == {"Crisis"}

    file = downloaded(page, "Download as CSV", tmp_path)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        kept = list(csv.DictReader(opened))
    assert {(row["urgency"], row["outcome"]) for row in kept} == {("crisis", "noanswer")}
    sheet = read_xlsx(downloaded(page, "Download as XLSX", tmp_path).read_bytes())
    assert [row[0] for row in sheet[1:]] == [float(row["number"]) for row in kept]

    newest = kept[0]["number"]
    rows.first.get_by_role("link", name=f"#{newest}").click()
    readers = page.get_by_role("region", name="Audit log")
    expect(readers).to_contain_text("Ruth viewed it")
    fits_and_is_titled(page)

    page.goto("/log/measures?weeks=13")
    for name in ("Handoffs per week", "Messages to mentees per week"):
        figure = page.get_by_role("figure", name=name)
        expect(figure.locator("canvas")).to_be_visible()
        expect(figure.get_by_role("table")).to_be_visible()
        assert figure.get_by_role("row").count() >= 14
    drawn = page.locator("figure canvas").first.evaluate(
        "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.some((part) => part !== 0)"
    )
    assert drawn, "the canvas is not empty"
    contact = page.get_by_role("region", name="Human contact", exact=True)
    expect(contact.get_by_role("row").nth(1)).to_be_visible()
    expect(page.get_by_role("region", name="Coverage in the next 7 days").first).to_be_visible()
    fits_and_is_titled(page)
    load = downloaded(page, "Mentor load as XLSX", tmp_path)
    assert [row[0] for row in read_xlsx(load.read_bytes())[1:]].count("Sam") == 1

    page.get_by_role("link", name="Safeguarding", exact=True).click()
    fits_and_is_titled(page)
    record = MONDAYS.index((width, colors)) + 1
    page.get_by_role("link", name=f"Record {record}").click()
    expect(page.get_by_text(f"i would rather have somebody else, {width} {colors}")).to_be_visible()
    page.get_by_role("button", name="Take ownership").click()
    page.get_by_label("Outcome").fill("Noor mentors Maya from now on.")
    page.get_by_role("button", name="Close record").click()
    expect(page.get_by_role("heading", name="Outcome")).to_be_visible()
    expect(page.get_by_text("Noor mentors Maya from now on.")).to_be_visible()
    fits_and_is_titled(page)

    page.goto("/log/audit")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Ruth")
    fits_and_is_titled(page)
    assert trouble == []
    context.close()


def test_the_printed_log_is_a_table_without_buttons(
    browser: Browser, gateway: Process, trouble: list[str]
) -> None:
    context = open_context(browser, gateway.url, trouble, width=390, colors="dark")
    page = sign_in(context.new_page())
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Manager pages")).to_be_hidden()
    expect(page.get_by_role("columnheader", name="First reply after")).to_be_visible()
    colors = page.evaluate("[getComputedStyle(document.documentElement).backgroundColor]")
    assert colors == ["rgb(255, 255, 255)"]
    assert trouble == []
    context.close()


def test_the_log_works_without_scripts(browser: Browser, gateway: Process) -> None:
    context = browser.new_context(base_url=gateway.url, java_script_enabled=False)
    page = sign_in(context.new_page())
    page.get_by_role("link", name="Older →").click()
    expect(page.get_by_role("link", name="← Newer")).to_be_visible()
    page.get_by_role("link", name="Mentees who over-rely on the bot").click()
    expect(page.get_by_text("No mentee over-relies on the bot")).to_be_visible()
    page.get_by_role("link", name="Metrics").click()
    expect(page.get_by_role("figure").first.get_by_role("table")).to_be_visible()
    context.close()
