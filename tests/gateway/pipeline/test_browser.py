"""The whole line as people see it: `warmline up` with the real bot, and a real browser."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browsers import open_context
from tests.processes import Stack

SCREENSHOT = Path(__file__).parents[3] / "docs" / "screenshot.png"


@pytest.fixture
def context(browser: Browser, stack: Stack, trouble: list[str]) -> Iterator[BrowserContext]:
    context = open_context(browser, stack.url, trouble, width=1330, height=900, patience=10_000)
    yield context
    context.close()


@pytest.fixture
def phones(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/phones")
    return page


def phone(phones: Page, owner: str) -> Locator:
    return phones.get_by_role("region", name=owner, exact=True)


def texts(phones: Page, owner: str, words: str) -> None:
    """Type on somebody's phone and press Enter."""
    box = phone(phones, owner).get_by_label(f"Send a text as {owner}")
    box.fill(words)
    box.press("Enter")
    expect(box).to_have_value("")


def bubble(phones: Page, owner: str, words: str | re.Pattern[str]) -> Locator:
    return phone(phones, owner).get_by_role("listitem").filter(has_text=words)


def bot_bubbles(phones: Page, owner: str) -> int:
    return bubble(phones, owner, "Warmline bot:").count()


def test_from_mayas_text_to_sams_answer_to_ruths_log(
    context: BrowserContext, phones: Page, trouble: list[str]
) -> None:
    texts(phones, "Maya", "how can i sleep better")
    expect(bubble(phones, "Maya", "an automated assistant, not a person")).to_be_visible()
    expect(bubble(phones, "Maya", "get up at the same time each day")).to_be_visible()

    sent_at = time.monotonic()
    texts(phones, "Maya", "nobody would notice if i was gone, i just want someone to talk to")
    why_and_who = bubble(phones, "Maya", "I asked Sam, your mentor, to write to you here")
    expect(why_and_who).to_be_visible(timeout=2000)
    assert time.monotonic() - sent_at < 2
    expect(why_and_who).to_contain_text("a person can help more than a bot")

    alert = bubble(phones, "Sam", "your mentee M. needs a person soon. TAKE ")
    expect(alert).to_be_visible()
    code = re.findall(r"TAKE (\w{4})", alert.inner_text())[0]
    assert "notice" not in phone(phones, "Sam").inner_text(), "an alert has no content"

    texts(phones, "Sam", f"take {code}")
    expect(bubble(phones, "Sam", f"You have #{code}")).to_be_visible()
    expect(bubble(phones, "Maya", "Sam is here now")).to_be_visible()
    texts(phones, "Sam", "Hey Maya, Sam here. I'm reading what you wrote.")
    expect(bubble(phones, "Maya", "Sam: Hey Maya, Sam here. I'm reading")).to_be_visible()

    said_by_bot = bot_bubbles(phones, "Maya")
    texts(phones, "Maya", "thank you. how can i sleep better though")
    expect(bubble(phones, "Sam", f"#{code} wrote to you")).to_be_visible()
    phones.wait_for_timeout(2500)  # longer than the bot may take
    assert bot_bubbles(phones, "Maya") == said_by_bot, "the bot is silent while Sam is there"
    if os.environ.get("WARMLINE_SCREENSHOT"):
        phones.screenshot(path=SCREENSHOT)

    texts(phones, "Sam", f"done {code}")
    expect(bubble(phones, "Sam", f"#{code} is closed as talked")).to_be_visible()
    expect(bubble(phones, "Maya", "From here on it is the bot again")).to_be_visible()
    texts(phones, "Maya", "how can i sleep better")
    expect(bubble(phones, "Maya", "get up at the same time each day")).to_have_count(2)

    with context.expect_page() as opened:
        phone(phones, "Ruth").get_by_role("button", name="Log, as Ruth").click()
    log = opened.value
    row = log.get_by_role("row").filter(has_text="Maya")
    expect(row).to_contain_text("We talked")
    row.get_by_role("link", name="#1").click()
    steps = log.get_by_role("list", name="Steps of #1")
    told = [
        "Maya wrote",
        "Decided to bring a person",
        "Warmline opened #1 (soon)",
        "Paged Sam (own mentor); rung 1",
        "Text to Sam: delivered",
        "Sam claimed it",
        "First reply from Sam: delivered",
        "Sam closed it: We talked",
        "Messages while it was open",
    ]
    entries = steps.locator(".step")
    expect(entries).to_have_count(len(told))
    for step, words in zip(entries.all(), told, strict=True):
        expect(step).to_contain_text(words)
        expect(step.locator(".clock time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    expect(entries.first.locator("mark").first).to_be_visible()
    assert trouble == []


def test_unsent_words_survive_page_updates(
    context: BrowserContext, phones: Page, trouble: list[str]
) -> None:
    texts(phones, "Jo", "can i talk to a person")
    link = phone(phones, "Noor").get_by_role("link")
    with context.expect_page() as opened:
        link.last.click()
    console = opened.value
    console.get_by_role("button", name="Noor, mentor").click()
    console.get_by_role("button", name=re.compile("^Take #")).click()
    box = console.get_by_label("Write to Jo")
    box.fill("I was just about to")

    texts(phones, "Jo", "are you there?")
    thread = console.get_by_role("log", name="The conversation with Jo")
    expect(thread.get_by_text("are you there?")).to_be_visible()
    expect(box).to_have_value("I was just about to")

    code = re.findall(r"TAKE ([A-Z0-9]{4})", phone(phones, "Noor").inner_text())[-1]
    texts(phones, "Noor", f"pass {code}")
    expect(console.get_by_role("status").filter(has_text="asked for a person")).to_be_visible()
    console.get_by_role("button", name="Send").click()
    expect(console.get_by_role("alert")).to_contain_text("no longer yours")
    expect(box).to_have_value("I was just about to")
    assert [said for said in trouble if "409" not in said] == []


def test_a_text_that_did_not_leave_the_phone_stays_in_its_box(
    phones: Page, context: BrowserContext
) -> None:
    context.set_offline(True)
    box = phone(phones, "Jo").get_by_label("Send a text as Jo")
    box.fill("no signal here")
    box.press("Enter")
    expect(phone(phones, "Jo").get_by_role("alert")).to_contain_text("nothing was sent")
    expect(box).to_have_value("no signal here")
    context.set_offline(False)
    box.press("Enter")
    expect(bubble(phones, "Jo", "no signal here")).to_be_visible()
    expect(box).to_have_value("")


# --- the last one: after it nothing runs any more ---


def test_a_gateway_that_dies_is_started_again_and_ctrl_c_ends_everything(stack: Stack) -> None:
    first = find_pid(stack.supervisor_log.read_text(), "gateway")
    os.kill(first, signal.SIGKILL)
    time.sleep(1)
    wait_until_it_answers(stack.url)
    wait_until_it_says(stack.supervisor_log, "exited: gateway (terminated by SIGKILL")
    again = find_pid(stack.supervisor_log.read_text(), "gateway")
    assert again != first
    rasa = find_pid(stack.supervisor_log.read_text(), "bot")
    assert stack.stop(signal.SIGINT) == 0
    assert not is_alive(again)
    assert not is_alive(rasa)


def find_pid(log: str, program: str) -> int:
    return int(re.findall(rf"spawned: '{program}' with pid (\d+)", log)[-1])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_it_answers(url: str, *, seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def wait_until_it_says(log: Path, words: str, *, seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while words not in log.read_text():
        assert time.monotonic() < give_up_at, f"{words!r} is not in {log}"
        time.sleep(0.2)
