"""The kill test: people write while the gateway is killed again and again.

    python -m tests.crash --messages 300 --mentees 30 --kills 25

The gateway, Rasa and the database are the real ones; Twilio is the fake, which checks every
request with Twilio's own document. A message counts as arrived once the webhook answered 200;
until then it is posted again, as Twilio does with its retries switched on.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

import httpx
from sqlalchemy import select

from escalation.policy_file import POLICY_FILE
from gateway.runtime.database import Database, make_engine
from models import Alert, DecisionRecord, Delivery, Handoff, Message, Status, use_key
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio
from tests.keys import KEYS
from tests.postgres import PostgresServer
from tests.processes import KEY, ROOT, Process
from tests.rasa_server import RasaServer

SAY = [
    "hi",
    "how can i sleep better",
    "im so stressed about school",
    "what can you do",
    "tell me about loneliness",
    "thanks",
    "are you a bot",
    "more please",
    "my exam is on friday",
    "good night",
]
ASKS = "can i talk to a real person please"
CRISIS = "i am going to kill myself tonight"
RUNG_SECONDS = 4.0


@dataclass
class Figures:
    """What one run showed. The first seven must be zero."""

    lost: int = 0
    handled_twice: int = 0
    out_of_order: int = 0
    unhandled: int = 0
    never_sent: int = 0
    paged_twice: int = 0
    ladders_that_stopped: int = 0
    requests_twilio_refused: int = 0
    messages: int = 0
    kills: int = 0
    handoffs: int = 0
    open_ladders: int = 0
    texts_accepted: int = 0
    texts_sent_twice: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        zero = (getattr(self, each.name) for each in fields(self)[:8])
        return not any(zero) and self.texts_sent_twice <= self.kills


@dataclass
class Mentee:
    number: str
    words: list[str]
    arrived: list[str] = field(default_factory=list)


class Killer(threading.Thread):
    def __init__(self, gateway: Process, kills: int, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.gateway = gateway
        self.kills = kills
        self.chance = chance
        self.killed = 0

    def run(self) -> None:
        while self.killed < self.kills:
            time.sleep(self.chance.uniform(0.05, 2.5))
            self.gateway.kill()
            self.killed += 1
            self.gateway.start()


def write_all(mentee: Mentee, gateway: Process, twilio: FakeTwilio, chance: random.Random) -> None:
    """One mentee's messages, each posted until it is answered 200, then the next."""
    for place, words in enumerate(mentee.words):
        sid = f"SM{mentee.number[-4:]}{place:028d}"
        while True:
            try:
                answer = twilio.post_inbound(
                    f"{gateway.url}/twilio/sms", mentee.number, words, message_sid=sid
                )
                if answer.status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        mentee.arrived.append(sid)
        time.sleep(chance.uniform(0.5, 6))


def people_file(folder: Path, mentees: list[Mentee]) -> Path:
    rows = [
        "role,name,phone,timezone,mentor",
        "mentor,Sam,+12025550111,America/New_York,",
        "mentor,Noor,+12025550112,America/New_York,",
        "manager,Ruth,+12025550121,America/New_York,",
    ]
    rows += [f"mentee,M{i},{m.number},America/New_York,Sam/Noor" for i, m in enumerate(mentees)]
    file = folder / "people.csv"
    file.write_text("\n".join(rows), "utf-8")
    return file


def quick_policy(folder: Path) -> Path:
    """The shipped policy, with rungs of seconds instead of minutes and no hours."""
    text = POLICY_FILE.read_text("utf-8")
    text = re.sub(r"wait_minutes = [\d.]+", f"wait_minutes = {RUNG_SECONDS / 60:.4f}", text)
    text = re.sub(r'outside_hours = "\w+"', 'outside_hours = "page"', text)
    file = folder / "policy.toml"
    file.write_text(text, "utf-8")
    return file


def run(
    folder: Path,
    *,
    messages: int,
    mentees: int,
    kills: int,
    seed: int,
    database_url: str | None = None,
    rasa: RasaServer | None = None,
) -> Figures:
    """What became of it all. `rasa` is one that runs already; without it one is started."""
    chance = random.Random(seed)
    each = messages // mentees
    cast = [Mentee(f"+1212555{100 + i:04d}", chance.choices(SAY, k=each)) for i in range(mentees)]
    for place, mentee in enumerate(cast):
        if place % 3 == 0:
            mentee.words[chance.randrange(each)] = ASKS
        elif place % 10 == 1:
            mentee.words[chance.randrange(each)] = CRISIS
    began = time.monotonic()
    with FakeTwilio() as twilio:
        bot = rasa or RasaServer(folder, key=KEY).start()
        gateway = Process(
            folder,
            "serve",
            SMS="twilio",
            TWILIO_ACCOUNT_SID=ACCOUNT_SID,
            TWILIO_AUTH_TOKEN=TOKEN,
            TWILIO_FROM=NUMBER,
            TWILIO_BASE_URL=twilio.url,
            RASA_URL=bot.url,
            RASA_TOKEN=bot.token,
            POLICY_FILE=str(quick_policy(folder)),
            **({"DATABASE_URL": database_url} if database_url else {}),
        )
        try:
            enrolled = [sys.executable, "-m", "gateway", "enroll", str(people_file(folder, cast))]
            enrolled += ["--program", "Crash", "--hours", "00:00-00:00"]
            subprocess.run(enrolled, cwd=ROOT, env=gateway.environment, check=True)
            gateway.start()
            killer = Killer(gateway, kills, chance)
            threads: list[threading.Thread] = [killer]
            for place, mentee in enumerate(cast):
                given = (mentee, gateway, twilio, random.Random(seed + place))
                threads.append(threading.Thread(target=write_all, args=given))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            figures = look(gateway.environment["DATABASE_URL"], cast, twilio)
            figures.kills = killer.killed
        finally:
            gateway.kill()
            if rasa:
                rasa.forget_everybody()
            else:
                bot.kill()
    figures.seconds = time.monotonic() - began
    return figures


def look(database_url: str, cast: list[Mentee], twilio: FakeTwilio) -> Figures:
    use_key(KEY, KEYS)
    database = Database(make_engine(database_url))
    give_up_at = time.monotonic() + 120
    while time.monotonic() < give_up_at and not _at_rest(database):
        time.sleep(0.5)
    rungs = _open_rungs(database)
    time.sleep(RUNG_SECONDS * 2 + 4)
    later = _open_rungs(database)
    with database.reading() as session:
        incoming = session.scalars(
            select(Message).where(Message.outgoing.is_(False)).order_by(Message.id)
        ).all()
        decided = session.scalars(
            select(DecisionRecord.message_id).order_by(DecisionRecord.id)
        ).all()
        on_its_way = Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING])
        newest = select(Message.at).order_by(Message.id.desc()).limit(1).scalar_subquery()
        forgotten = on_its_way & (Message.at < newest) & Message.id.not_in(select(Alert.message_id))
        failed = Message.delivery.in_([Delivery.FAILED, Delivery.UNDELIVERED])
        never_sent = session.scalars(select(Message.id).where(failed | forgotten)).all()
        alerts = session.execute(
            select(Alert.handoff_id, Alert.ladder, Alert.rung, Alert.person_id)
        ).all()
        handoffs = session.scalars(select(Handoff.id)).all()
    database.engine.dispose()
    stored = {message.provider_id: message.id for message in incoming}
    threads: dict[int, list[int]] = {message.conversation_id: [] for message in incoming}
    conversation = {message.id: message.conversation_id for message in incoming}
    for message in decided:
        threads[conversation[message]].append(message)
    arrived = [[stored.get(sid, 0) for sid in mentee.arrived] for mentee in cast]
    in_order = [[one for one in ids if one] for ids in arrived] + list(threads.values())
    return Figures(
        lost=sum(ids.count(0) for ids in arrived),
        handled_twice=repeated(decided),
        out_of_order=sum(ids != sorted(ids) for ids in in_order),
        unhandled=len(set(conversation) - set(decided)),
        never_sent=len(never_sent),
        paged_twice=repeated(alerts),
        ladders_that_stopped=sum(later.get(one, place) <= place for one, place in rungs.items()),
        requests_twilio_refused=len(twilio.violations),
        messages=sum(map(len, arrived)),
        handoffs=len(handoffs),
        open_ladders=len(rungs),
        texts_accepted=len(twilio.sent),
        # Our own number of a text is in its callback: the same one twice is one text sent twice.
        texts_sent_twice=repeated(text.status_callback for text in twilio.sent),
        notes=[f"{len(alerts)} alerts", *twilio.violations],
    )


def repeated(things: Iterable[Hashable]) -> int:
    return sum(count - 1 for count in Counter(things).values())


def _at_rest(database: Database) -> bool:
    on_its_way = Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING])
    undelivered = on_its_way & Message.id.not_in(select(Alert.message_id))
    waits = select(Message.id).where(Message.handled_at.is_(None) | undelivered)
    with database.reading() as session:
        return session.scalar(waits.limit(1)) is None


def _open_rungs(database: Database) -> dict[int, tuple[int, int]]:
    with database.reading() as session:
        return {
            handoff.id: (handoff.ladder, handoff.rung)
            for handoff in session.scalars(select(Handoff).where(Handoff.status == Status.WAITING))
        }


def main() -> None:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, default in {"messages": 300, "mentees": 30, "kills": 25, "seed": 2024}.items():
        ask.add_argument(f"--{name}", type=int, default=default)
    ask.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    size = vars(ask.parse_args())
    on_postgres = size.pop("postgres")
    with tempfile.TemporaryDirectory(prefix="warmline-crash-") as folder:
        server = PostgresServer() if on_postgres else None
        url = server.new_database() if server else None
        figures = run(Path(folder), database_url=url, **size)
        if server:
            server.stop()
    for each in fields(figures):
        print(f"{each.name.replace('_', ' '):<26}{getattr(figures, each.name)}")
    print("holds" if figures.holds else "DOES NOT HOLD")
    sys.exit(not figures.holds)


if __name__ == "__main__":
    main()
