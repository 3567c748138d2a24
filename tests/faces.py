"""Every page, as a person of the demo sees it after an evening of conversations.

Used for screenshots (`make screens`) and accessibility checks with axe-core.
"""

import itertools
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Locator, Page
from sqlalchemy import select

from escalation.ruleset import load_rules
from gateway.demo import seed_demo
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from gateway.privacy.terms import TERMS_VERSION
from gateway.review.sampling import last_full_week
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from gateway.runtime.one_time_keys import new_link
from models import AgeBand, Channel, Consent, Conversation, FollowUp, Person, use_key
from tests.keys import KEYS
from tests.line import JO, MAYA, SAM, Talk
from tests.processes import KEY, OnRasa, Stack

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Face:
    """One page; faces.toml explains each field."""

    name: str
    route: str
    who: str | None = None
    status: int = 200
    at: dict[str, str] = field(default_factory=dict)
    does: Callable[[Page], None] | None = None


# --- actions on a page ---

# Numbers reserved for examples. Each asks once, to stay below the rate limits.
_numbers = itertools.count(30)


def asks_for_a_code(page: Page) -> None:
    page.get_by_label("Your phone number").fill(f"202 555 01{next(_numbers)}")
    sends(page, page.locator("form[action='/chat/sign-in'] button"))


def types_a_wrong_password(page: Page) -> None:
    page.get_by_label("Phone number").fill(f"202 555 01{next(_numbers)}")
    page.get_by_label("Password").fill("not the password")
    sends(page, page.get_by_role("button", name="Sign in", exact=True), status=401)


def opens_an_old_link(page: Page) -> None:
    sends(page, page.locator("main form button").first, status=410)


def writes_when_signed_out(page: Page) -> None:
    page.get_by_label("Your message").fill("are you still there")
    page.context.clear_cookies()
    submits(page, "#write", status=401)


def tells_a_concern_when_signed_out(page: Page) -> None:
    page.context.clear_cookies()
    box = page.locator("form[action='/chat/you/concern'] textarea")
    box.fill("He asked me for my address twice.")
    submits(page, "form[action='/chat/you/concern']", status=401)


def replies_when_signed_out(page: Page) -> None:
    page.locator("#words").fill("That sounds like a long week. Is tomorrow at five any good?")
    page.context.clear_cookies()
    submits(page, "form[action$='/reply']", status=401)


def opens_what_is_folded(page: Page) -> None:
    page.locator("summary").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def forgets_the_tick(page: Page) -> None:
    submits(page, "form[action='/chat/terms']", status=422)


def chooses_a_file(page: Page) -> None:
    rows = b"role,name,phone,timezone,mentor\nmentee,Zoe,+12025550160,,Sam\nmentee,Cy,?,,\n"
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": rows}
    )
    sends(page, page.get_by_role("button", name="Preview"))


def tries_another_policy(page: Page) -> None:
    box = page.get_by_label("Policy (TOML)")
    box.fill(re.sub(r"stuck_after = \d+", "stuck_after = 6", box.input_value(), count=1))
    sends(page, page.get_by_role("button", name="Preview"))


def tries_what_is_no_policy(page: Page) -> None:
    page.get_by_label("Policy (TOML)").fill("stuck_after = many")
    page.get_by_label("Reason for the change").fill("a try")
    sends(page, page.get_by_role("button", name="Preview"), status=422)


def submits(page: Page, form: str, *, status: int) -> None:
    """Submit as a browser without scripts or form validation does."""
    answers(page, lambda: page.locator(form).evaluate("form => form.submit()"), status)


def sends(page: Page, button: Locator, *, status: int = 200) -> None:
    answers(page, button.click, status)


def answers(page: Page, sends_form: Callable[[], object], status: int) -> None:
    with page.expect_navigation() as answer:
        sends_form()
    assert answer.value is not None
    assert answer.value.status == status, f"{page.url} answered {answer.value.status}"


PAGES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
FACES = [
    Face(name, **{**face, "does": globals()[face["does"]] if "does" in face else None})
    for name, face in PAGES["faces"].items()
]
MENTEES = ("Maya", "Jo", "Ana")
ANA = "+12025550103"
WHO_READS_SPANISH = f"role,name,phone,mentor,language\nmentee,Ana,{ANA},Sam/Noor,es\n"


class Evening:
    """The demo on its own stack: a mentor answers Maya, and Jo waits.

    Last week Maya had a crisis, now closed, and Jo wrote only to the bot.
    """

    def __init__(self, stack: Stack | OnRasa, browser: Browser) -> None:
        self.stack = stack
        self.browser = browser
        self.http = httpx.Client(base_url=stack.url, timeout=20)
        self.ids: dict[str, str] = {}
        self.cookies: dict[str | None, list[dict[str, object]]] = {None: []}
        # Values of route parameters, by their names in FACES.
        self.known: dict[str, str] = {}

    def happens(self) -> None:
        # Before the stack starts, so that only this process answers last week's texts.
        self._last_week()
        self.stack.start()
        self._texts("Maya", "how can i sleep better")
        self._until("Maya", "same time each day")
        self._texts("Maya", "nobody would notice if i was gone, i just want someone to talk to")
        self._until("Sam", "needs a person soon. TAKE ")
        code = re.findall(r"TAKE (\w{4})", self._phone("Sam"))[-1]
        self._texts("Sam", f"take {code}")
        self._until("Maya", "Sam is here now")
        self._texts("Sam", "Hey Maya, Sam here. I'm reading what you wrote.")
        self._texts("Maya", "hi sam. it has been a long week")
        self._sign_in("Ruth")
        integrations = "/program/integrations"
        token = {"name": "The office's board", "scope": "handoffs:read"}
        self._posts("Ruth", f"{integrations}/tokens", token, status=201)
        # No server answers there.
        nowhere = {"url": "http://127.0.0.1:9/told"}
        self._posts("Ruth", f"{integrations}/webhooks", nowhere, status=201)
        self._texts("Jo", "i want to kill myself tonight")
        self._until("Noor", "URGENT")
        self._texts("Ana", "quiero hablar con una persona")
        self._until("Ana", "Sam")
        self._wait(self._shows_failed_delivery, "the address was not posted to")
        for name in self.ids:
            self._sign_in(name)
        self._posts("Maya", "/chat/terms", {"age_band": "adult", "agrees": "yes"})
        # She names no one: a mentor who is named no longer holds her conversation.
        concern = {"mentor": "nobody", "words": "He asked me for my address twice."}
        self._posts("Maya", "/chat/you/concern", concern)
        self._posts("Ruth", "/log/1/verdict", {"verdict": "right"})
        self._activates_a_policy()

    def ends(self) -> None:
        self.http.close()
        self.stack.kill()

    def opens(self, face: Face, context: BrowserContext) -> Page:
        path = face.route
        for part, value in face.at.items():
            path = path.replace(f"{{{part}}}", self.known.get(value, value))
        page = context.new_page()
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == face.status, f"{path} answered {answer.status} to {face.who}"
        if face.does is not None:
            face.does(page)
        return page

    def context(self, who: str | None, *, width: int, theme: str) -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.stack.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
        )
        context.add_cookies(self.cookies[who])  # type: ignore[arg-type]
        return context

    def _last_week(self) -> None:
        use_key(KEY, KEYS)
        database = Database(make_engine(self.stack.environment["DATABASE_URL"]))
        database.migrate()
        now = utc_now()
        with database.writing() as session:
            seed_demo(session, now=now - timedelta(days=30))
        talk = Talk(database, rules=load_rules(self.stack.url, Channel.PHONES))
        talk.clock.now = now - timedelta(days=7)
        talk.texts(JO, "hi there")
        talk.texts(MAYA, "i want to kill myself")
        talk.texts(SAM, "take {1}")
        talk.texts(SAM, "Hi Maya, I am here. Are you safe right now?")
        talk.clock.now += timedelta(minutes=40)
        talk.texts(SAM, "done {1} referred her aunt is with her")
        with database.writing() as session:
            maya, sam = (session.get_one(Person, talk.person(one).id) for one in (MAYA, SAM))
            threads = select(Conversation.id).where(Conversation.person_id == talk.person(JO).id)
            session.add(FollowUp(handoff_id=1, asked_at=now))
            a_day = timedelta(days=1)
            people = read_people(WHO_READS_SPANISH.encode(), timezone=sam.timezone)
            _, [ana] = enroll(session, sam.program, people, now=talk.clock())
            session.add(
                Consent(person_id=ana.id, at=now, terms=TERMS_VERSION, age_band=AgeBand.FROM_16)
            )
            everybody = session.scalars(select(Person)).all()
            self.ids = {person.name: str(person.id) for person in everybody}
            self.known = {
                **{name.upper(): number for name, number in self.ids.items()},
                "JOS_THREAD": str(session.scalars(threads).one()),
                "LAST_WEEK": last_full_week(sam.program, now=now).name,
                "INVITATION": new_link(session, maya, "chat", now=now, lasts=a_day),
                "LINK": new_link(session, sam, "sign_in", now=now, lasts=a_day),
            }
        database.engine.dispose()

    def _activates_a_policy(self) -> None:
        context = self.context("Ruth", width=1280, theme="light")
        page = context.new_page()
        page.goto("/policy")
        box = page.get_by_label("Policy (TOML)")
        box.fill(re.sub(r"stuck_after = \d+", "stuck_after = 5", box.input_value(), count=1))
        page.get_by_label("Reason for the change").fill("Fewer handoffs for nothing.")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("button", name="Activate").click()
        page.get_by_role("status").filter(has_text="Activated.").wait_for()
        context.close()

    def _sign_in(self, name: str) -> None:
        way = "/chat/as" if name in MENTEES else "/sign-in/as"
        context = self._posts(None, f"{way}/{self.ids[name]}", {})
        self.cookies[name] = list(context.cookies())  # type: ignore[arg-type]

    def _posts(
        self, who: str | None, path: str, form: dict[str, str], *, status: int = 303
    ) -> BrowserContext:
        context = self.context(who, width=1280, theme="light")
        answer = context.request.post(path, form={**form}, max_redirects=0)
        assert answer.status == status, f"{path} answered {answer.status} to {who}"
        return context

    def _shows_failed_delivery(self) -> bool:
        context = self.context("Ruth", width=1280, theme="light")
        shown = context.request.get("/program/integrations").text()
        context.close()
        return "could not connect; next attempt" in shown

    def _texts(self, name: str, words: str) -> None:
        sent = self.http.post(
            f"/phones/{self.ids[name]}", data={"words": words}, headers={"HX-Request": "true"}
        )
        sent.raise_for_status()

    def _until(self, name: str, words: str) -> None:
        self._wait(lambda: words in self._phone(name), f"{name} never read {words!r}")

    def _phone(self, name: str) -> str:
        shown = self.http.get("/phones/all").text
        _, _, rest = shown.partition(f'id="phone-{self.ids[name]}"')
        return rest.partition("</section>")[0]

    def _wait(self, so: Callable[[], bool], otherwise: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not so():
            if time.monotonic() > give_up_at:
                raise AssertionError(otherwise)
            time.sleep(0.2)
