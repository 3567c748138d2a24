"""The kill test: people write while the gateway is killed again and again.

    python -m tests.crash --messages 300 --mentees 30 --kills 25

The gateway, Rasa and the database are the real ones; Twilio is the fake, which checks every
request with Twilio's own document. A message counts as arrived once the webhook answered 200;
until then it is posted again, as Twilio does with its retries switched on.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path

import httpx
from sqlalchemy import select

from escalation.policy import POLICY_FILE
from gateway.runtime.database import Database, make_engine
from models import (
    Alert,
    Conversation,
    DecisionRecord,
    Delivery,
    Handoff,
    Message,
    Speaker,
    Status,
    use_key,
)
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio
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
    """Kills the gateway at random moments and starts it again, as a supervisor would."""

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
            time.sleep(0.2)
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
    import re

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
            writers = [
                threading.Thread(
                    target=write_all,
                    args=(mentee, gateway, twilio, random.Random(seed + place)),
                )
                for place, mentee in enumerate(cast)
            ]
            for thread in (*writers, killer):
                thread.start()
            for thread in (*writers, killer):
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
    """Wait until the line has come to rest, then compare what is stored with what was said."""
    use_key(KEY)
    database = Database(make_engine(database_url))
    figures = Figures(messages=sum(len(mentee.arrived) for mentee in cast))
    give_up_at = time.monotonic() + 120
    while time.monotonic() < give_up_at and not _at_rest(database):
        time.sleep(0.5)
    rungs = _open_rungs(database)
    time.sleep(RUNG_SECONDS * 2 + 4)
    figures.open_ladders = len(rungs)
    later = _open_rungs(database)
    stopped = [handoff for handoff, place in rungs.items() if later.get(handoff, place) <= place]
    figures.ladders_that_stopped = len(stopped)
    with database.reading() as session:
        incoming = session.scalars(
            select(Message).where(Message.outgoing.is_(False)).order_by(Message.id)
        ).all()
        stored = {message.provider_id: message for message in incoming}
        for mentee in cast:
            rows = [stored.get(sid) for sid in mentee.arrived]
            figures.lost += rows.count(None)
            ids = [row.id for row in rows if row]
            figures.out_of_order += ids != sorted(ids)
        records = session.scalars(select(DecisionRecord).order_by(DecisionRecord.id)).all()
        decided = Counter(record.message_id for record in records)
        figures.handled_twice = sum(1 for count in decided.values() if count > 1)
        figures.unhandled = sum(1 for message in incoming if message.id not in decided)
        by_thread: dict[int, list[int]] = {}
        get_thread = {message.id: message.conversation_id for message in incoming}
        for record in records:
            by_thread.setdefault(get_thread[record.message_id], []).append(record.message_id)
        figures.out_of_order += sum(ids != sorted(ids) for ids in by_thread.values())
        figures.never_sent = len(
            session.scalars(
                select(Message.id).where(
                    Message.delivery.in_([Delivery.FAILED, Delivery.UNDELIVERED])
                    | (
                        Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING])
                        & (
                            Message.at
                            < session.scalar(
                                select(Message.at).order_by(Message.id.desc()).limit(1)
                            )
                        )
                        & Message.id.not_in(select(Alert.message_id))
                    )
                )
            ).all()
        )
        alerts = session.scalars(select(Alert)).all()
        figures.paged_twice = sum(
            count - 1
            for count in Counter(
                (alert.handoff_id, alert.ladder, alert.rung, alert.person_id) for alert in alerts
            ).values()
        )
        figures.handoffs = len(session.scalars(select(Handoff.id)).all())
        mentees = session.scalars(
            select(Conversation.id).where(
                Conversation.id.in_(
                    select(Message.conversation_id).where(Message.speaker == Speaker.MENTEE)
                )
            )
        ).all()
        figures.notes.append(f"{len(mentees)} threads, {len(alerts)} alerts")
    # Our own number of a text is in its callback: the same one twice is one text sent twice.
    sent = Counter(text.status_callback for text in twilio.sent)
    figures.texts_accepted = len(twilio.sent)
    figures.texts_sent_twice = sum(count - 1 for count in sent.values())
    figures.requests_twilio_refused = len(twilio.violations)
    figures.notes += twilio.violations
    database.engine.dispose()
    return figures


def _at_rest(database: Database) -> bool:
    with database.reading() as session:
        unhandled = session.scalar(select(Message.id).where(Message.handled_at.is_(None)).limit(1))
        undelivered = session.scalar(
            select(Message.id)
            .where(
                Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING]),
                Message.id.not_in(select(Alert.message_id)),
            )
            .limit(1)
        )
    return unhandled is None and undelivered is None


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
    ask.add_argument("--messages", type=int, default=300)
    ask.add_argument("--mentees", type=int, default=30)
    ask.add_argument("--kills", type=int, default=25)
    ask.add_argument("--seed", type=int, default=2024)
    ask.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="warmline-crash-") as folder:
        server = None
        if given.postgres:
            from tests.postgres import PostgresServer

            server = PostgresServer()
        figures = run(
            Path(folder),
            messages=given.messages,
            mentees=given.mentees,
            kills=given.kills,
            seed=given.seed,
            database_url=server.new_database() if server else None,
        )
        if server:
            server.stop()
    for each in fields(figures):
        print(f"{each.name.replace('_', ' '):<26}{getattr(figures, each.name)}")
    print("holds" if figures.holds else "DOES NOT HOLD")
    sys.exit(not figures.holds)


if __name__ == "__main__":
    main()
