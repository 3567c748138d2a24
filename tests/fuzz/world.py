"""The application that is fuzzed, with people, conversations, and handoffs to aim at."""

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Message

from gateway.integrations.api_tokens import make_token
from gateway.integrations.scopes import Scope
from gateway.runtime.database import Database, make_engine
from models import Person, use_key
from tests.chat_browser import agrees
from tests.conftest import KEY
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import HERE, Web

ACCOUNT = "AC1"
TWILIO_TOKEN = "t"
NOBODY = "nobody"


@dataclass(frozen=True)
class Sent:
    """One request. `who` is the person whose cookies it carries."""

    who: str
    method: str
    address: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    to_twilio_webhook: bool = False

    def __str__(self) -> str:
        headers = "".join(f"\n  {name}: {value}" for name, value in self.headers)
        return f"{self.method} {self.address} as {self.who}{headers}\n  {self.body!r}"


class ServerError(AssertionError):
    """The application answered with a 5xx."""


@dataclass
class World:
    """Restarting puts back the database as it was when everybody had signed in."""

    folder: Path
    cookies: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.keys = self.folder / "keys"
        use_key(KEY, self.keys)
        self.file = self.folder / "warmline.db"
        self.database = Database(make_engine(f"sqlite:///{self.file}"))
        self.database.migrate()
        self.talk = Talk(self.database)
        self._has_an_evening()
        self.demo = Web(self.talk)
        self.cookies = {NOBODY: ""} | {
            name: self._signs_in(number, way)
            for name, number, way in (
                ("Maya", MAYA, "/chat/as"),
                ("Jo", JO, "/chat/as"),
                ("Sam", SAM, "/sign-in/as"),
                ("Noor", NOOR, "/sign-in/as"),
                ("Ruth", RUTH, "/sign-in/as"),
            )
        }
        self.token = self._makes_a_token()
        self.twilio = Web(self.talk, sms="twilio")
        self.loop = asyncio.new_event_loop()
        self.saved_at = self.talk.clock.now
        self.database.engine.dispose()
        self.copy = Path(shutil.copyfile(self.file, self.folder / "copy.db"))
        self.copied_keys = Path(shutil.copytree(self.keys, self.folder / "copied keys"))

    def _has_an_evening(self) -> None:
        talk = self.talk
        talk.texts(JO, "i want to kill myself tonight")
        talk.texts(NOOR, "TAKE {1}")
        talk.claims()
        talk.texts(MAYA, "thank you for being here")
        talk.passes(minutes=5)
        agrees(talk, MAYA, JO)

    def _signs_in(self, number: str, way: str) -> str:
        browser = self.demo.browser()
        answer = browser.post(f"{way}/{self.talk.person(number).id}")
        assert answer.status_code == 303, (number, answer.status_code)
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    def _makes_a_token(self) -> str:
        with self.database.writing() as session:
            ruth = session.get_one(Person, self.talk.person(RUTH).id)
            return make_token(
                session, name="Fuzz", scopes=list(Scope), by=ruth, now=self.talk.clock()
            )

    @property
    def api(self) -> FastAPI:
        mounted = [route.app for route in self.demo.app.routes if isinstance(route, Mount)]
        return next(app for app in mounted if isinstance(app, FastAPI))

    def restart(self) -> None:
        self.database.engine.dispose()
        for file in self.folder.glob("warmline.db*"):
            file.unlink()
        shutil.copyfile(self.copy, self.file)
        # Somebody may have been erased, and their key destroyed.
        shutil.rmtree(self.keys)
        shutil.copytree(self.copied_keys, self.keys)
        use_key(KEY, self.keys)
        self.talk.clock.now = self.saved_at
        self.talk.kept.work.clear()
        self.talk.phones.shown.clear()

    def answers_to(self, sent: Sent) -> tuple[int, bytes]:
        """Raises ServerError, or what the application raises."""
        app = self.twilio.app if sent.to_twilio_webhook else self.demo.app
        status, body = self.loop.run_until_complete(_ask(app, sent, self.cookies[sent.who]))
        self.answers[status] += 1
        if status >= 500:
            raise ServerError(f"{status} for {sent}")
        return status, body


async def _ask(app: ASGIApp, sent: Sent, cookie: str) -> tuple[int, bytes]:
    address = urlsplit(sent.address)
    named = {"host": urlsplit(HERE).netloc, "cookie": cookie, **dict(sent.headers)}
    named.setdefault("accept", "text/html")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "https",
        "path": unquote(address.path, errors="replace"),
        "raw_path": address.path.encode("ascii", "replace"),
        "query_string": address.query.encode("ascii", "replace"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in named.items()
            if value
        ],
        "client": ("203.0.113.7", 50_000),
        "server": (urlsplit(HERE).netloc, 443),
    }
    came: list[Message] = []
    asked: list[Message] = [{"type": "http.request", "body": sent.body, "more_body": False}]

    async def receive() -> Message:
        # The visitor leaves after the request, which ends event streams.
        return asked.pop() if asked else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        came.append(message)

    await app(scope, receive, send)
    status = next((one["status"] for one in came if one["type"] == "http.response.start"), 0)
    return status, b"".join(one.get("body", b"") for one in came)
