"""The mentee's chat in a real browser, with the real bot: from the invitation to Sam and back."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.ruleset import load_rules
from gateway.chat.sign_in import invite
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import Channel, Person, Program, phone_index, use_key
from tests.browsers import fits, has_come_in, open_context
from tests.keys import KEYS
from tests.processes import KEY, ROOT, OnRasa, Process

# The demo's mentees and two more, so that each screen has a mentee of its own.
PHONES = {name: f"+1202555010{n}" for n, name in enumerate(("Maya", "Jo", "Kit", "Lou"), 1)}
MORE_MENTEES = f"""role,name,phone,timezone,mentor
mentee,Kit,{PHONES["Kit"]},America/New_York,Sam/Noor
mentee,Lou,{PHONES["Lou"]},America/New_York,Noor/Sam
"""


@contextmanager
def database(demo: OnRasa) -> Iterator[Session]:
    """The database of the running gateway."""
    use_key(KEY, KEYS)
    stored = Database(make_engine(demo.environment["DATABASE_URL"]))
    with stored.writing() as session:
        yield session
    stored.engine.dispose()


@pytest.fixture(scope="module", autouse=True)
def more_mentees(demo: OnRasa) -> None:
    with database(demo) as session:
        program = session.scalars(select(Program)).one()
        people = read_people(MORE_MENTEES.encode(), timezone=program.timezone)
        planned, enrolled = enroll(session, program, people, now=utc_now())
        assert len(enrolled) == 2, planned.problems


@contextmanager
def open_page(
    browser: Browser, demo: OnRasa, trouble: list[str], *, width: int, colors: str = "light"
) -> Iterator[Page]:
    context = open_context(browser, demo.url, trouble, width=width, colors=colors, patience=15_000)
    yield context.new_page()
    context.close()


def invitation(demo: OnRasa, mentee: str) -> str:
    with database(demo) as session:
        index = phone_index(PHONES[mentee])
        person = session.scalars(select(Person).where(Person.phone_index == index)).one()
        return invite(session, person, load_rules(demo.url, Channel.SMS), now=utc_now())


def text_from(demo: OnRasa, owner: str, words: str) -> None:
    """Send a text from one of the demo's phones; {} is the newest code on it."""
    page = httpx.get(f"{demo.url}/phones/all").text
    [key] = re.findall(rf'id="phone-(\d+)-owner"><bdi>{owner}</bdi>', page)
    if words == "take {}":
        # The alert may still wait for others to go with it, so the mentor asks what waits.
        earlier = _offers(demo, key)
        _post_text(demo, key, "waiting")
        for _ in range(150):
            if codes := _offers(demo, key) - earlier:
                break
            time.sleep(0.1)
        words = words.format(codes.pop())
    elif "{}" in words:
        words = words.format(re.findall(r"(?:TAKE|DONE) (\w{4})", _shown_on(demo, key))[-1])
    _post_text(demo, key, words)


def _post_text(demo: OnRasa, key: str, words: str) -> None:
    assert httpx.post(f"{demo.url}/phones/{key}", data={"words": words}).status_code == 303


def _offers(demo: OnRasa, key: str) -> set[str]:
    """The codes in the answers to WAITING on a phone."""
    return set(re.findall(r"like TAKE (\w{4})\.", _shown_on(demo, key)))


def _shown_on(demo: OnRasa, key: str) -> str:
    page = httpx.get(f"{demo.url}/phones/all").text
    return page.partition(f'id="phone-{key}"')[2].partition("</section>")[0]


def comes_in(page: Page, demo: OnRasa, mentee: str) -> None:
    """The first visit: the invitation's button, then the terms, then the chat."""
    page.goto(invitation(demo, mentee))
    page.get_by_role("button", name="Open the chat").click()
    if page.url.endswith("/chat/terms"):
        page.get_by_role("radio", name="16 or 17").check()
        page.get_by_role("checkbox", name="I have read this").check()
        page.locator("form[action='/chat/terms'] button").click()
    expect(page).to_have_url(f"{demo.url}/chat")
    has_come_in(page)


def comes_back(page: Page, demo: OnRasa, mentee: str) -> None:
    """With the demo's one-click sign-in. The terms are new to a mentee whose first test this is."""
    page.goto("/chat/sign-in")
    page.get_by_role("button", name=f"{mentee}, mentee").press("Enter")
    if page.url.endswith("/chat/terms"):
        comes_in(page, demo, mentee)
    has_come_in(page)


def said(page: Page, words: str | re.Pattern[str]) -> Locator:
    log = page.get_by_role("log", name="Your conversation")
    return log.get_by_role("listitem").filter(has_text=words)


def writes(page: Page, words: str) -> None:
    box = page.get_by_label("Your message")
    box.fill(words)
    box.press("Enter")
    expect(box).to_have_value("")


@pytest.mark.parametrize(
    "screen", ["390 light Maya Sam", "1280 dark Jo Noor", "390 dark Lou Noor", "1280 light Kit Sam"]
)
def test_a_mentee_goes_from_the_invitation_to_a_mentor_and_back_to_the_bot(
    browser: Browser, demo: OnRasa, trouble: list[str], screen: str
) -> None:
    width, colors, mentee, mentor = screen.split()
    with open_page(browser, demo, trouble, width=int(width), colors=colors) as page:
        comes_in(page, demo, mentee)
        expect(page.get_by_role("link", name="988")).to_be_visible()
        expect(page.locator("#thread-status")).to_contain_text("a computer program, not a person")

        writes(page, "how can i sleep better")
        answer = said(page, "get up at the same time each day")
        expect(answer).to_be_visible()
        expect(answer.locator(".by")).to_contain_text("Bot automated")
        expect(answer.locator(".state")).to_have_text("delivered")

        page.get_by_role("button", name="Talk to a person").click()
        expect(said(page, f"I asked {mentor}, your mentor")).to_be_visible()
        expect(page.locator("#thread-status")).to_contain_text("We can't estimate the wait yet")

        text_from(demo, mentor, "take {}")
        joined = said(page, f"{mentor} is here now").locator(".by")
        expect(joined).to_contain_text("a person joined")
        expect(page.locator("#thread-status")).to_contain_text(f"{mentor} is here.")
        text_from(demo, mentor, f"Hey {mentee}, it is me.")
        words = said(page, f"Hey {mentee}, it is me.")
        expect(words.locator(".by")).to_have_text(re.compile(rf"^{mentor}\s+a person$"))
        expect(words.locator(".state")).to_have_text("delivered")

        bots = page.locator(".said.bot").count()
        writes(page, "thank you. how can i sleep better though")
        page.wait_for_timeout(2500)  # longer than the bot may take
        assert page.locator(".said.bot").count() == bots, "the bot is silent beside a person"

        text_from(demo, mentor, "done {}")
        left = said(page, "From here on it is the bot again").locator(".by")
        expect(left).to_contain_text("left")
        writes(page, "how can i sleep better")
        expect(said(page, "get up at the same time each day")).to_have_count(2)

        numbers = page.locator("#said > li").evaluate_all("all => all.map(one => +one.dataset.id)")
        assert numbers == sorted(set(numbers)), "each once, in order"
        fits(page)
        page.reload()
        again = page.locator("#said > li").evaluate_all("all => all.map(one => +one.dataset.id)")
        assert again == numbers, "the live page and a new page show the same"
        assert trouble == []


def test_maya_loses_nothing_while_she_is_offline(
    browser: Browser, demo: OnRasa, trouble: list[str]
) -> None:
    with open_page(browser, demo, trouble, width=390) as page:
        comes_back(page, demo, "Maya")
        box = page.get_by_label("Your message")
        writes(page, "menu")
        choice = page.get_by_role("button", name="Breathe", exact=True)
        expect(choice).to_be_visible()

        page.context.set_offline(True)
        box.fill("no signal here")
        box.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("We couldn't send that")
        expect(box).to_have_value("no signal here")
        text_from(demo, "Maya", "by text meanwhile")
        page.context.set_offline(False)
        page.get_by_role("button", name="Try again").click()
        expect(said(page, "no signal here")).to_have_count(1)
        expect(box).to_have_value("")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(said(page, "by text meanwhile")).to_have_count(1)
        expect(page.locator("#connection")).to_have_text("")


def test_a_page_of_a_signed_out_mentee_shows_nothing_more(
    browser: Browser, demo: OnRasa, trouble: list[str]
) -> None:
    with open_page(browser, demo, trouble, width=390) as page:
        comes_back(page, demo, "Maya")
        text_from(demo, "Maya", "please keep this to yourself")
        expect(said(page, "please keep this to yourself").first).to_be_visible()
        page.get_by_label("Your message").fill("not sent yet")
        elsewhere = page.context.new_page()
        elsewhere.goto("/chat")
        elsewhere.get_by_role("button", name="Sign out").click()
        expect(said(page, "please keep this to yourself")).to_have_count(0, timeout=60_000)
        expect(page.get_by_label("Your message")).to_have_value("not sent yet")


def test_maya_can_chat_without_a_script(browser: Browser, demo: OnRasa, trouble: list[str]) -> None:
    context = browser.new_context(
        base_url=demo.url, java_script_enabled=False, viewport={"width": 320, "height": 700}
    )
    page = context.new_page()
    comes_back(page, demo, "Jo")
    # Jo's evening before asked, and was answered, the same.
    questions, answers = said(page, "how can i sleep better"), said(page, "get up at the same time")
    asked, answered = questions.count(), answers.count()
    page.get_by_label("Your message").fill("how can i sleep better")
    page.get_by_role("button", name="Send").click()
    expect(questions).to_have_count(asked + 1)
    for _ in range(20):
        if answers.count() > answered:
            break
        page.wait_for_timeout(300)
        page.get_by_role("link", name="Check for new messages").click()
    expect(answers).to_have_count(answered + 1)
    expect(answers.last).to_be_visible()
    context.close()


def test_maya_can_chat_with_the_keyboard(
    browser: Browser, demo: OnRasa, trouble: list[str]
) -> None:
    with open_page(browser, demo, trouble, width=1280) as page:
        comes_back(page, demo, "Maya")
        page.get_by_label("Your message").wait_for()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        reached = []
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.textContent.trim()"))
            if reached[-1] == "Talk to a person":
                break
        assert {"988", "911", "Sign out", "Send", "Talk to a person"} <= set(reached)
        assert trouble == []


@pytest.mark.parametrize(
    ("width", "colors"), [(320, "light"), (390, "dark"), (1280, "light"), (320, "dark")]
)
def test_every_page_of_the_chat_fits_every_screen(
    browser: Browser, demo: OnRasa, trouble: list[str], width: int, colors: str
) -> None:
    with open_page(browser, demo, trouble, width=width, colors=colors) as page:
        for path in ("/chat/sign-in", "/chat/in/an-old-link", "/chat"):
            page.goto(path)
            fits(page)
            assert page.get_by_role("heading", level=1).count() == 1, path
        comes_back(page, demo, "Maya")
        page.goto("/chat")
        writes(page, "https://a.very.long.address.example/" + "x" * 200)
        fits(page)
        assert page.get_by_role("heading", level=1).count() == 1
        expect(page.get_by_role("button", name="Talk to a person")).to_be_in_viewport()
        expect(page.get_by_role("link", name="988")).to_be_in_viewport()
        assert trouble == []


class School(ThreadingHTTPServer):
    """Another site, with the widget on each page: in English, and in Spanish at /es."""

    def __init__(self, warmline: str) -> None:
        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                language, label = "en", 'data-label="Talk to us"'
                if self.path == "/es":
                    language, label = "es-MX", ""
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                page = (
                    f'<!doctype html><html lang="{language}"><title>A school</title>'
                    f'<h1>A school</h1><script src="{warmline}/static/widget.js" {label}></script>'
                )
                self.wfile.write(page.encode())

            def log_message(self, *words: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


def test_only_a_named_school_can_frame_the_chat(browser: Browser, tmp_path: Path) -> None:
    server = Process(tmp_path, "serve", SMS="phones", RASA_URL="http://127.0.0.1:9")
    school, stranger = School(server.url), School(server.url)
    server.environment["CHAT_ORIGINS"] = school.url
    subprocess.run([*server.command[:-1], "demo"], cwd=ROOT, env=server.environment, check=True)
    server.start()
    context = browser.new_context(viewport={"width": 390, "height": 700})
    refused: list[str] = []
    context.on("console", lambda said: refused.append(said.text))
    try:
        page = context.new_page()
        page.goto(school.url)
        button = page.get_by_role("button", name="Talk to us")
        expect(button).to_have_attribute("aria-expanded", "false")
        assert page.locator("iframe").count() == 0, "the chat loads only when someone opens it"
        button.click()
        expect(page.get_by_role("link", name="Open in a new tab")).to_be_visible()
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Maya, mentee").click()
        frame.get_by_role("button", name="Talk to a person").click()
        expect(frame.get_by_role("log")).to_contain_text("I asked Sam, your mentor")
        frame.get_by_label("Your message").fill("from the school's page")
        frame.get_by_role("button", name="Send").click()
        expect(frame.get_by_role("log")).to_contain_text("from the school's page")
        page.get_by_role("button", name="Close the chat").press("Escape")
        expect(page.get_by_role("button", name="Talk to us")).to_be_focused()
        assert not [words for words in refused if "frame-ancestors" in words]

        page.goto(f"{school.url}/es")
        page.get_by_role("button", name="Chatea con Warmline").click()
        expect(page.get_by_role("link", name="Abrir en una pestaña nueva")).to_be_visible()
        expect(page.get_by_role("button", name="Cerrar el chat")).to_be_visible()

        page.goto(stranger.url)
        page.get_by_role("button", name="Talk to us").click()
        page.wait_for_timeout(1500)
        assert [words for words in refused if "frame-ancestors" in words], refused
    finally:
        context.close()
        server.kill()
        school.end()
        stranger.end()
