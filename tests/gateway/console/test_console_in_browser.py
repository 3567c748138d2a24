"""The console in a real browser: with the keyboard only, and a mentor's evening.

The gateway runs without the bot, because handoffs work without it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import select

from gateway.demo import seed_demo
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from gateway.runtime.database import Database, make_engine
from models import Program, use_key
from tests.browsers import fits, has_come_in, open_context
from tests.keys import KEYS
from tests.processes import KEY, Process

SIZES = [(390, "light"), (1280, "dark"), (390, "dark"), (1280, "light")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    gateway = serve_demo(tmp_path_factory.mktemp("gateway"))
    yield gateway
    gateway.kill()


def serve_demo(folder: Path) -> Process:
    """The gateway with the demo program."""
    use_key(KEY, KEYS)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    now = datetime.now(UTC)
    with database.writing() as session:
        seed_demo(session, now=now)
        program = session.scalars(select(Program)).one()
        people = read_people(
            b"role,name,phone\nmentor,Lee,+12025550113\n", timezone=program.timezone
        )
        enroll(session, program, people, now=now)
    database.engine.dispose()
    return Process(folder, "serve", SMS="phones").start()


class StaffBrowsers:
    """One browser for each mentor and manager."""

    def __init__(self, browser: Browser, gateway: Process, trouble: list[str]) -> None:
        self.browser, self.gateway, self.trouble = browser, gateway, trouble
        self.open: list[BrowserContext] = []

    def sits_down(self, person: str, role: str, **look: Any) -> Page:
        """Sign in. `look` is the width and the colors of the screen."""
        look.setdefault("width", 1280)
        context = open_context(self.browser, self.gateway.url, self.trouble, **look)
        self.open.append(context)
        page = context.new_page()
        page.goto("/sign-in?next=/console")
        page.get_by_role("button", name=f"{person}, {role}").click()
        expect(page.get_by_role("heading", name="Console")).to_be_visible()
        has_its_scripts(page)
        return page


@pytest.fixture
def staff(browser: Browser, gateway: Process, trouble: list[str]) -> Iterator[StaffBrowsers]:
    staff = StaffBrowsers(browser, gateway, trouble)
    yield staff
    for context in staff.open:
        context.close()


def texts(gateway: Process, owner: str, words: str) -> None:
    """A mentee texts from the demo phone."""
    page = httpx.get(f"{gateway.url}/phones/all", timeout=20).text
    [key] = re.findall(rf'id="phone-(\d+)-owner"><bdi>{owner}</bdi>', page)
    answer = httpx.post(f"{gateway.url}/phones/{key}", data={"words": words}, timeout=20)
    assert answer.status_code == 303


def shown_to(gateway: Process, owner: str) -> str:
    page = httpx.get(f"{gateway.url}/phones/all", timeout=20).text
    return page.split(f"<bdi>{owner}</bdi>", 1)[1].split('class="send"', 1)[0]


def has_its_scripts(page: Page) -> None:
    """The page has loaded, and its scripts run."""
    has_come_in(page)
    page.wait_for_function("document.querySelector('#use-keys')?.closest('label').hidden === false")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the keyboard has reached it."""
    expect(wanted).to_be_visible()
    for _ in range(120):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {wanted}")


@pytest.mark.parametrize(("width", "colors"), SIZES)
def test_sam_takes_answers_and_closes_with_the_keyboard_only(
    gateway: Process, staff: StaffBrowsers, trouble: list[str], width: int, colors: str
) -> None:
    evening = f"{width} {colors}"
    texts(gateway, "Maya", "can i talk to a person please")
    page = staff.sits_down("Sam", "mentor", width=width, colors=colors)
    row = page.locator("[data-row]").filter(has_text="Maya").first
    expect(row).to_be_visible()
    fits(page)

    page.keyboard.press("?")
    expect(page.get_by_text("take it", exact=True)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_text("take it", exact=True)).to_be_hidden()
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("t")
    box = page.get_by_label("Write to Maya")
    expect(box).to_be_visible()
    has_its_scripts(page)
    expect(page.locator("#handoff-status")).to_contain_text("is waiting for your first message")

    page.keyboard.press("r")
    expect(box).to_be_focused()
    # Another of these evenings, on another screen, has nearly the same in this thread.
    words = f"just to try, rather tjk? {evening}"
    page.keyboard.type(words)
    expect(box).to_have_value(words)
    expect(page.locator("#keys")).not_to_have_attribute("open", "")
    tab_to(page, page.get_by_role("button", name="Send"))
    page.keyboard.press("Enter")
    thread = page.get_by_role("log", name="The conversation with Maya")
    expect(thread.get_by_text(words)).to_be_visible()
    expect(box).to_have_value("")
    fits(page)

    tab_to(page, page.get_by_role("radio", name="We talked"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Close", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator("#handoff-status")).to_contain_text("We talked")
    expect(page.get_by_role("button", name="Too late")).to_be_visible()
    assert f"Sam: {words}" in shown_to(gateway, "Maya")
    assert trouble == []


def test_noor_can_switch_the_shortcuts_off(
    gateway: Process, staff: StaffBrowsers, trouble: list[str]
) -> None:
    page = staff.sits_down("Noor", "mentor")
    page.keyboard.press("?")
    page.get_by_label("Use shortcuts in this browser").uncheck()
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_label("Use shortcuts in this browser")).to_be_hidden()
    page.get_by_text("Keyboard shortcuts", exact=True).click()
    expect(page.get_by_label("Use shortcuts in this browser")).not_to_be_checked()
    assert trouble == []


@pytest.mark.parametrize(
    ("width", "colors", "colleague"),
    # After two crises, a mentor is paged last.
    [(*size, "Noor" if n < 2 else "Lee") for n, size in enumerate(SIZES)],
)
def test_a_mentors_evening(
    gateway: Process,
    staff: StaffBrowsers,
    trouble: list[str],
    width: int,
    colors: str,
    colleague: str,
) -> None:
    evening = f"{width} {colors}"
    ruth = staff.sits_down("Ruth", "manager")
    ruth.get_by_role("link", name="Canned replies").click()
    ruth.get_by_label("Title").fill(f"Six o'clock {evening}")
    ruth.get_by_label("Message").fill("Hi {name}, I have time from six on.")
    ruth.get_by_role("button", name="Save reply").click()
    expect(ruth.get_by_role("listitem").filter(has_text=f"Six o'clock {evening}")).to_be_visible()
    fits(ruth)

    texts(gateway, "Maya", "i want to kill myself")
    sam = staff.sits_down("Sam", "mentor", width=width, colors=colors)
    sam.get_by_role("link", name=re.compile("^Waiting")).click()
    crisis = sam.get_by_role("listitem").filter(has_text="Maya")
    expect(crisis.get_by_text("Crisis", exact=True)).to_be_visible()
    crisis.get_by_role("button", name=re.compile("^Take #")).click()
    box = sam.get_by_label("Write to Maya")
    expect(box).to_be_visible()
    has_its_scripts(sam)
    brief = sam.locator("details.brief")
    if width < 1000:
        assert brief.get_attribute("open") is None, "the thread first, the brief folded"
        sam.get_by_role("heading", name="Brief", exact=True).click()
    expect(brief.get_by_text("This is a crisis. Safety first.")).to_be_visible()
    expect(brief.locator("q").first).to_be_visible()
    fits(sam)

    brief.get_by_role("link", name="Put it in the message box").click()
    expect(box).to_be_focused()
    expect(box).to_have_value(re.compile("^Hi Maya. I have read what you wrote"))
    assert "Hi Maya." not in shown_to(gateway, "Maya"), "only Sam can send it"
    sam.get_by_text(re.compile(r"^Canned replies \(")).click()
    sam.get_by_role("link", name=f"Insert Six o'clock {evening}").click()
    expect(box).to_have_value(re.compile(r"right now\? Hi Maya, I have time from six on\.$"))
    # The evening before, on another screen, said nearly the same in this thread.
    words = f"Hi Maya, are you safe right now? It is evening {evening}."
    box.fill(words)
    sam.get_by_role("button", name="Send").click()
    thread = sam.get_by_role("log", name="The conversation with Maya")
    expect(thread.get_by_text(words)).to_be_visible()

    sam.get_by_label("Note", exact=True).fill("Her aunt lives next door.")
    sam.get_by_role("button", name="Save note").click()
    expect(sam.locator("#notes").get_by_text("Her aunt lives next door.")).to_be_visible()
    expect(sam.get_by_label("Note", exact=True)).to_have_value("")

    box.fill("I was about to say")
    sam.get_by_role("heading", name="Hand over or give back").click()
    sam.get_by_label("Ask a colleague to take it over").select_option(colleague)
    sam.get_by_label("Note for them (optional)").fill("She is at her aunt's.")
    sam.get_by_role("button", name="Ask", exact=True).click()
    expect(sam.locator("#offer")).to_contain_text(f"You asked {colleague}")

    other = staff.sits_down(colleague, "mentor", width=width, colors=colors)
    offered = other.get_by_role("listitem").filter(has_text="Sam asked you")
    offered.get_by_role("link").click()
    expect(other.get_by_text("She is at her aunt's.")).to_be_visible()
    has_its_scripts(other)
    other.get_by_role("button", name="Accept").click()
    expect(other.get_by_label("Write to Maya")).to_be_visible()
    has_its_scripts(other)
    expect(other.locator("#notes").get_by_text("Her aunt lives next door.")).to_be_visible()
    expect(sam.locator("#handoff-status")).to_contain_text(f"{colleague} has this conversation")
    expect(box).to_have_value("I was about to say")

    words = f"{colleague} here, Maya. Sam told me, evening {evening}."
    other.get_by_label("Write to Maya").fill(words)
    other.get_by_role("button", name="Send").click()
    thread = other.get_by_role("log", name="The conversation with Maya")
    expect(thread.get_by_text(words)).to_be_visible()
    other.get_by_role("radio", name="Referred to other help").check()
    other.get_by_label(re.compile("Why can it be closed")).fill("Her aunt is with her.")
    other.get_by_role("button", name="Close", exact=True).click()
    expect(other.get_by_role("heading", name="How was it for you?")).to_be_visible()
    has_its_scripts(other)
    fits(other)
    other.get_by_label("What was hard, what helped").fill("It was a lot.")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_text("Thank you. You answered")).to_be_visible()
    other.get_by_role("button", name="Right", exact=True).click()
    expect(other.get_by_text("Your verdict")).to_be_visible()
    assert [said for said in trouble if "403" not in said] == []


def test_sam_signed_out_in_mid_sentence_loses_nothing(
    gateway: Process, staff: StaffBrowsers, trouble: list[str]
) -> None:
    texts(gateway, "Jo", "can i talk to a person please")
    page = staff.sits_down("Sam", "mentor")
    page.get_by_role("link", name=re.compile("^Waiting")).click()
    page.get_by_role("button", name=re.compile("^Take #")).click()
    box, note = page.get_by_label("Write to Jo"), page.get_by_label("Note", exact=True)
    expect(box).to_be_visible()
    has_its_scripts(page)
    box.fill("I was just about to")
    note.fill("a thought to keep")
    page.context.clear_cookies()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_be_visible()
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_have_count(2)
    expect(box).to_have_value("I was just about to")
    expect(note).to_have_value("a thought to keep")

    elsewhere = page.context.new_page()
    elsewhere.goto("/sign-in")
    elsewhere.get_by_role("button", name="Sam, mentor").click()
    expect(elsewhere.get_by_role("heading", name="Console")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    thread = page.get_by_role("log", name="The conversation with Jo")
    expect(thread.get_by_text("I was just about to")).to_be_visible()
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#notes").get_by_text("a thought to keep")).to_be_visible()
    assert [said for said in trouble if "401" not in said] == []


def test_a_page_of_a_signed_out_mentor_shows_nothing_more(
    browser: Browser, tmp_path: Path, trouble: list[str]
) -> None:
    gateway = serve_demo(tmp_path)
    staff = StaffBrowsers(browser, gateway, trouble)
    try:
        texts(gateway, "Maya", "can i talk to a person please")
        page = staff.sits_down("Sam", "mentor")
        page.get_by_role("link", name=re.compile("^Waiting")).click()
        page.get_by_role("button", name=re.compile("^Take #")).click()
        thread = page.get_by_role("log", name="The conversation with Maya")
        expect(thread).to_be_visible()
        has_its_scripts(page)
        box = page.get_by_label("Write to Maya")
        box.fill("not sent yet")
        page.context.clear_cookies()
        page.evaluate("htmx.trigger(document.body, 'changed')")
        expect(thread).to_have_count(0)
        expect(box).to_have_value("not sent yet")
    finally:
        for context in staff.open:
            context.close()
        gateway.kill()
    assert [said for said in trouble if "401" not in said] == []
