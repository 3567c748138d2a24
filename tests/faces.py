"""Every page of the three faces, as somebody of the demo sees it, with an evening behind it.

Used to photograph them (`make screens`) and to look at each with axe-core.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from tests.processes import Stack

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Face:
    """One page. `who` looks at it: somebody of the demo, or nobody who is signed in.

    `status` is what the server answers, so that nobody looks at a refusal and takes it for a page.
    """

    name: str
    path: str
    who: str | None = None
    status: int = 200

    def opened_in(self, context: BrowserContext) -> Page:
        page = context.new_page()
        answer = page.goto(self.path)
        assert answer is not None
        assert answer.status == self.status, f"{self.path} answered {answer.status} to {self.who}"
        return page


FACES = [
    Face("phones", "/phones"),
    Face("mentee-code", "/chat/sign-in"),
    Face("mentee-terms", "/chat/terms", "Jo"),
    Face("mentee-chat", "/chat", "Maya"),
    Face("mentee-you", "/chat/you", "Maya"),
    Face("sign-in", "/sign-in"),
    Face("sign-in-link", "/sign-in/link"),
    Face("account", "/account", "Sam"),
    Face("console", "/console", "Sam"),
    Face("console-mine", "/console/1", "Sam"),
    Face("console-waiting", "/console/2", "Sam"),
    Face("console-brief", "/console/1/brief", "Sam"),
    Face("console-managers", "/console/1", "Ruth"),
    Face("console-mentees", "/console/mentees", "Sam"),
    Face("console-replies", "/console/replies", "Ruth"),
    Face("log", "/log", "Ruth"),
    Face("log-handoff", "/log/1", "Ruth"),
    Face("log-measures", "/log/measures", "Ruth"),
    Face("log-audit", "/log/audit", "Ruth"),
    Face("safeguarding", "/safeguarding", "Ruth"),
    Face("safeguarding-record", "/safeguarding/1", "Ruth"),
    Face("people", "/people", "Ruth"),
    Face("people-new", "/people/new", "Ruth"),
    Face("people-import", "/people/import", "Ruth"),
    Face("people-one", "/people/4", "Ruth"),
    Face("programme", "/programme", "Ruth"),
    Face("programs", "/programme/programs", "Ruth"),
    Face("policy", "/policy", "Ruth"),
    Face("refused", "/log", "Sam", status=403),
]

MENTEES = ("Maya", "Jo")


class Evening:
    """The demo, with things in it to look at: Maya is answered, Jo waits, a concern stands."""

    def __init__(self, stack: Stack, browser: Browser) -> None:
        self.stack = stack
        self.browser = browser
        self.http = httpx.Client(base_url=stack.url, timeout=20)
        phones = self.http.get("/phones").text
        self.ids = {name: key for key, name in re.findall(r'phone-(\d+)-owner"><bdi>(\w+)', phones)}
        self.cookies: dict[str | None, list[dict[str, object]]] = {None: []}

    def happens(self) -> None:
        self._texts("Maya", "how can i sleep better")
        self._until("Maya", "same time each day")
        self._texts("Maya", "nobody would notice if i was gone, i just want someone to talk to")
        self._until("Sam", "TAKE 1")
        self._texts("Sam", "take 1")
        self._until("Maya", "Sam is here now")
        self._texts("Sam", "Hey Maya, Sam here. I'm reading what you wrote.")
        self._texts("Maya", "hi sam. it has been a long week")
        self._lets_programs_in()
        self._texts("Jo", "i want to kill myself tonight")
        self._until("Noor", "URGENT")
        for name in self.ids:
            self._sign_in(name)
        self._agrees("Maya")
        self._raises_a_concern("Maya")

    def ends(self) -> None:
        self.http.close()

    def context(self, who: str | None, *, width: int, theme: str) -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.stack.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
        )
        context.add_cookies(self.cookies[who])  # type: ignore[arg-type]
        return context

    def _sign_in(self, name: str) -> None:
        way = "/chat/as" if name in MENTEES else "/sign-in/as"
        context = self.browser.new_context(base_url=self.stack.url)
        answer = context.request.post(f"{way}/{self.ids[name]}", max_redirects=0)
        assert answer.status == 303, f"{name} could not sign in: {answer.status}"
        self.cookies[name] = list(context.cookies())  # type: ignore[arg-type]
        context.close()

    def _agrees(self, name: str) -> None:
        context = self.context(name, width=390, theme="light")
        page = context.new_page()
        page.goto("/chat/terms")
        page.get_by_label(re.compile("18")).check()
        page.get_by_label("I have read this").check()
        page.get_by_role("button", name="Go on to the chat").click()
        page.wait_for_url("**/chat")
        context.close()

    def _raises_a_concern(self, name: str) -> None:
        context = self.context(name, width=390, theme="light")
        page = context.new_page()
        page.goto("/chat/you")
        form = page.locator("form[action='/chat/you/concern']")
        # Of nobody by name: a mentor who is named no longer holds her conversation.
        form.get_by_label("Somebody else, or I would rather not say").check()
        form.locator("textarea").fill("He asked me for my address twice.")
        with page.expect_navigation():
            form.get_by_role("button", name="Tell the managers").click()
        context.close()

    def _lets_programs_in(self) -> None:
        """Ruth makes a token, and has an address told at which nobody answers."""
        self._sign_in("Ruth")
        context = self.context("Ruth", width=1280, theme="light")
        forms: dict[str, dict[str, str | float | bool]] = {
            "tokens": {"name": "The office's board", "scope": "handoffs:read"},
            "webhooks": {"url": "http://127.0.0.1:9/told"},
        }
        for form, given in forms.items():
            answer = context.request.post(f"/programme/programs/{form}", form=given)
            assert answer.status == 201, f"{form}: {answer.status}"
        context.close()

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
