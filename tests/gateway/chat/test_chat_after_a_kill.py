"""Twenty open chats while the server is killed: each gets every message once, in order.

The gateway and its database are real processes. As a browser does, the clients reconnect after the
last message that they have, and repeat unanswered requests with the same key.
"""

import itertools
import random
import threading
import time
from collections import defaultdict
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.chat.thread import is_shown
from gateway.demo import seed_demo
from gateway.privacy.terms import TERMS_VERSION
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import AgeBand, Consent, Conversation, Message, Person, Role
from tests.processes import Process

CLIENTS = 20
WRITTEN_BY_EACH = 2
KILLS = 2
PATIENCE_SECONDS = 60


class OpenChat(threading.Thread):
    """One open page that follows the stream and reconnects."""

    def __init__(self, server: Process, person_id: int, name: str) -> None:
        super().__init__(daemon=True, name=name)
        self.server = server
        self.got: list[int] = []
        self.connections = 0
        self.ended = threading.Event()
        self.browser = httpx.Client(base_url=server.url, timeout=5)
        assert self.browser.post(f"/chat/as/{person_id}").status_code == 303

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self._follow()
            except httpx.HTTPError:
                time.sleep(0.1)

    def _follow(self) -> None:
        last = {"Last-Event-ID": str(self.got[-1])} if self.got else {}
        headers = {"Accept": "text/event-stream", **last}
        with self.browser.stream("GET", "/chat/live", headers=headers, timeout=3) as stream:
            stream.raise_for_status()
            self.connections += 1
            event: dict[str, str] = {}
            for line in stream.iter_lines():
                if self.ended.is_set():
                    return
                if line:
                    field, _, value = line.partition(": ")
                    event[field] = value
                    continue
                # Only a whole event counts; the stream repeats one that was cut off.
                if event.get("event") == "message":
                    self.got.append(int(event["id"]))
                event = {}

    def writes(self, words: str, key: str) -> None:
        """Send until there is an answer, as with the button Try again."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                form = {"words": words, "key": key}
                answer = self.browser.post("/chat", data=form, headers={"X-Chat": "1"})
                if answer.status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{words!r} was never answered")


def demo_mentees(database: Database) -> list[int]:
    """The demo's mentees, who have agreed to the terms."""
    with database.writing() as session:
        seed_demo(session, now=utc_now())
        mentees = session.scalars(select(Person).where(Person.role == Role.MENTEE)).all()
        session.add_all(
            Consent(person_id=each.id, at=utc_now(), terms=TERMS_VERSION, age_band=AgeBand.FROM_16)
            for each in mentees
        )
        return [each.id for each in mentees]


def threads(database: Database) -> dict[int, list[Message]]:
    """The messages that each mentee sees."""
    found: dict[int, list[Message]] = defaultdict(list)
    with database.reading() as session:
        messages = session.execute(
            select(Person.id, Message)
            .join(Conversation, Conversation.person_id == Person.id)
            .join(Message, Message.conversation_id == Conversation.id)
            .where(Person.role == Role.MENTEE, is_shown())
            .order_by(Message.id)
        )
        for person_id, message in messages:
            found[person_id].append(message)
    return found


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Process:
    # There is no Rasa at this address. The reply that says so is enough to follow.
    return Process(
        tmp_path, "serve", DATABASE_URL=database_url, SMS="phones", RASA_URL="http://127.0.0.1:9"
    )


def test_twenty_open_chats_outlive_a_killed_server(server: Process, database_url: str) -> None:
    database = Database(make_engine(database_url))
    database.migrate()
    mentees = demo_mentees(database)
    server.start()
    chance = random.Random(11)
    whose = dict(zip(range(CLIENTS), itertools.cycle(mentees), strict=False))
    chats = [OpenChat(server, person_id, f"page {n}") for n, person_id in whose.items()]
    try:
        for chat in chats:
            chat.start()

        def writes_all(number: int) -> None:
            for place in range(WRITTEN_BY_EACH):
                key = f"page-{number:02d}-message-{place}"
                chats[number].writes(f"{place} from page {number}", key)
                time.sleep(chance.uniform(0.1, 1.5))

        writers = [threading.Thread(target=writes_all, args=(n,), daemon=True) for n in whose]
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 1.5))
            server.kill()
            server.start()
        for writer in writers:
            writer.join(PATIENCE_SECONDS)
            assert not writer.is_alive()

        expected = _settled(database, chats, whose)
        for number, chat in enumerate(chats):
            assert chat.got == expected[whose[number]], chat.name
        messages = itertools.chain(*threads(database).values())
        written = sorted(message.words for message in messages if not message.outgoing)
        places = itertools.product(range(WRITTEN_BY_EACH), whose)
        assert written == sorted(f"{place} from page {n}" for place, n in places)
        assert all(chat.connections > KILLS for chat in chats), "every page was cut off"
    finally:
        for chat in chats:
            chat.ended.set()
        server.kill()
        database.engine.dispose()


def _settled(
    database: Database, chats: list[OpenChat], whose: dict[int, int]
) -> dict[int, list[int]]:
    """The message numbers in each thread, once all are handled and every page has them."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = threads(database)
        numbers = {person: [message.id for message in found] for person, found in now.items()}
        is_handled = all(one.handled_at for thread in now.values() for one in thread)
        complete = all(len(c.got) >= len(numbers[whose[n]]) for n, c in enumerate(chats))
        if (is_handled and complete) or time.monotonic() > give_up_at:
            return numbers
        time.sleep(0.5)
