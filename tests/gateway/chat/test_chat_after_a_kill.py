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
KILLS = 1
# As a browser does, they wait before they try again; the gateway starts in the meantime.
TRY_AGAIN_SECONDS = 0.6
PATIENCE_SECONDS = 60


class OpenChat(threading.Thread):
    """One open page that follows the stream and reconnects."""

    def __init__(self, server: Process, number: int, person_id: int) -> None:
        super().__init__(daemon=True)
        self.number, self.person_id = number, person_id
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
                time.sleep(TRY_AGAIN_SECONDS)

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

    def writes(self, chance: random.Random) -> None:
        for words in self.words():
            self._send({"words": words, "key": words.replace(" ", "-")})
            time.sleep(chance.uniform(0.1, 1.5))

    def words(self) -> list[str]:
        return [f"{place} from page {self.number}" for place in range(WRITTEN_BY_EACH)]

    def _send(self, form: dict[str, str]) -> None:
        """Send until there is an answer, as with the button Try again."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                answer = self.browser.post("/chat", data=form, headers={"X-Chat": "1"})
                if answer.status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(TRY_AGAIN_SECONDS)
        raise AssertionError(f"{form} was never answered")


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


def test_twenty_open_chats_outlive_a_killed_server(database_url: str, tmp_path: Path) -> None:
    # There is no Rasa at this address. The reply that says so is enough to follow.
    elsewhere = {"SMS": "phones", "RASA_URL": "http://127.0.0.1:9"}
    server = Process(tmp_path, "serve", DATABASE_URL=database_url, **elsewhere)
    database = Database(make_engine(database_url))
    database.migrate()
    mentees = itertools.cycle(demo_mentees(database))
    server.start()
    chance = random.Random(11)
    chats = [OpenChat(server, number, next(mentees)) for number in range(CLIENTS)]
    writers = [threading.Thread(target=chat.writes, args=(chance,), daemon=True) for chat in chats]
    try:
        for thread in (*chats, *writers):
            thread.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 1.5))
            server.kill()
            server.start()
        for writer in writers:
            writer.join(PATIENCE_SECONDS)
            assert not writer.is_alive()

        expected = _settled(database, chats)
        for chat in chats:
            assert chat.got == expected[chat.person_id], f"page {chat.number}"
        messages = itertools.chain(*threads(database).values())
        written = sorted(message.words for message in messages if not message.outgoing)
        assert written == sorted(itertools.chain(*(chat.words() for chat in chats)))
        assert all(chat.connections > KILLS for chat in chats), "every page was cut off"
    finally:
        for chat in chats:
            chat.ended.set()
        server.kill()
        for chat in chats:
            chat.join(PATIENCE_SECONDS)
            chat.browser.close()
        database.engine.dispose()


def _settled(database: Database, chats: list[OpenChat]) -> dict[int, list[int]]:
    """The message numbers in each thread, once all are handled and every page has them."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = threads(database)
        numbers = {person: [message.id for message in found] for person, found in now.items()}
        is_handled = all(one.handled_at for thread in now.values() for one in thread)
        complete = all(len(chat.got) >= len(numbers[chat.person_id]) for chat in chats)
        if (is_handled and complete) or time.monotonic() > give_up_at:
            return numbers
        time.sleep(0.5)
