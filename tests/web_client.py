"""A browser for tests, without a real browser: requests go straight to the application."""

from datetime import datetime, timedelta

import httpx2
from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from gateway.accounts.passwords import hash_password, set_password
from gateway.accounts.sessions import Limits, start_session
from gateway.app import create_app
from gateway.runtime.settings import Settings
from models import Person, RateLimit
from tests.conftest import KEY
from tests.line import MAYA, RUTH, Talk

HERE = "https://warmline.example"
PASSWORD = "correct horse battery"
ASKS = "can i talk to a person please"


class Web:
    """A browser on the pages of one `Talk`. `browser()` opens another on the same app."""

    def __init__(
        self, talk: Talk, *, sms: str = "phones", origins: str = "", url: str = HERE
    ) -> None:
        twilio = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": RUTH}
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            warmline_key=KEY,
            public_url=url,
            sms=sms,  # type: ignore[arg-type]
            chat_origins=origins,  # type: ignore[arg-type]
            **(twilio if sms == "twilio" else {}),  # type: ignore[arg-type]
        )
        self.talk = talk
        self.url = url
        self.app = create_app(talk.line, settings, start=lambda: None, stop=lambda: None)
        self.client = self.browser()

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url=self.url, follow_redirects=False)

    def gets(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers={"Accept": "text/html", **headers})

    def posts(self, path: str, **form: str) -> httpx2.Response:
        return self.client.post(path, data=form)

    def clicks(self, path: str, **form: str) -> httpx2.Response:
        """Post as the page's own script does."""
        return self.client.post(path, data=form, headers={"HX-Request": "true"})

    def is_now(self, number: str) -> None:
        """Sign in as this person with the demo's one-click sign-in."""
        self.posts("/sign-out")
        answer = self.posts(f"/sign-in/as/{self.talk.person(number).id}")
        assert answer.status_code == 303

    def forgets_attempts(self) -> None:
        """As if all limits on attempts had run out."""
        with self.talk.database.writing() as session:
            session.execute(delete(RateLimit))

    def signs_in(self, phone: str, password: str, next: str = "") -> httpx2.Response:
        return self.posts("/sign-in", phone=phone, password=password, next=next)


def begins_session(session: Session, person: Person, *, now: datetime) -> str:
    """Sign a browser in without a request. Returns the token for its cookie."""
    limits = Limits(timedelta(hours=12), timedelta(hours=12))
    return start_session(session, person, now=now, how="demo", limits=limits)


def at_the_chat(talk: Talk, number: str = MAYA) -> Web:
    web = Web(talk)
    assert web.posts(f"/chat/as/{talk.person(number).id}").status_code == 303
    return web


def give_password(talk: Talk, number: str, password: str = PASSWORD) -> None:
    person = talk.person(number)
    hashed = hash_password(person, password)
    with talk.database.writing() as session:
        set_password(session.get_one(Person, person.id), hashed)
