"""Warmline as it runs in earnest, with a cast of mentees, and what Twilio posts for them."""

import re
import shutil
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from string import ascii_lowercase

from aiohttp import ClientSession

from escalation.policy_file import POLICY_FILE
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import utc_now
from models import Program, use_key
from tests.bench.provider import sign
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN
from tests.keys import KEYS
from tests.processes import KEY, Process, Stack
from tests.rasa_server import free_port

MENTORS = 20
ZONE = "America/New_York"


def mentee_number(place: int) -> str:
    return f"+1415{2_000_000 + place}"


def mentor_number(place: int) -> str:
    return f"+1202{5_550_200 + place}"


@dataclass(frozen=True)
class Post:
    """One webhook, ready to send: signing takes as long as sending."""

    sid: str
    url: str
    body: bytes
    headers: dict[str, str]

    async def send(self, session: ClientSession) -> int:
        """The status of the answer."""
        sent = session.post(self.url, data=self.body, headers=self.headers)
        async with sent as answer:
            await answer.read()
            return answer.status


class Warmline:
    """Gateway, bot, and supervisor, as `warmline up` starts them. Or, without the bot, the gateway
    alone, with an address of a bot at which nobody answers.

    On SQLite the database is in `folder`, which belongs on a disk: a commit waits for it.
    """

    def __init__(
        self,
        folder: Path,
        provider_url: str,
        *,
        mentees: int,
        with_bot: bool = True,
        database_url: str | None = None,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._people = _people_file(mentees)
        environment = {
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'warmline.db'}",
            "POLICY_FILE": str(_policy_file(folder)),
            "RASA_URL": f"http://127.0.0.1:{free_port()}",
            "SMS": "twilio",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_BASE_URL": provider_url,
            "TWILIO_FROM": NUMBER,
        }
        self._process = (
            Stack(folder, **environment) if with_bot else Process(folder, "serve", **environment)
        )

    def __enter__(self) -> "Warmline":
        use_key(KEY, KEYS)
        database = Database(make_engine(self.database_url))
        database.migrate()
        with database.writing() as session:
            always = {"opens_at": time(0), "closes_at": time(0)}
            program = Program(name="Harbor Mentoring", phone=NUMBER, timezone=ZONE, **always)
            session.add(program)
            session.flush()
            people = read_people(self._people.encode(), timezone=ZONE)
            enroll(session, program, people, now=utc_now())
        database.engine.dispose()
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def database_url(self) -> str:
        return self._process.environment["DATABASE_URL"]

    def post(self, mentee: int, words: str, *, number: int) -> Post:
        """What Twilio posts when a mentee texts. `number` is the text's own."""
        url, sid = f"{self._process.url}/twilio/sms", f"SM{number:032x}"
        form = {"MessageSid": sid, "SmsSid": sid, "SmsStatus": "received", "NumMedia": "0"}
        form |= {"From": mentee_number(mentee), "To": NUMBER, "Body": words}
        return Post(sid, url, *sign(url, form))


def _people_file(mentees: int) -> str:
    rows = ["role,name,phone,timezone,mentor", f"manager,Ruth,{mentor_number(MENTORS)},,"]
    rows += [f"mentor,Sam {_letters(n)},{mentor_number(n)},," for n in range(MENTORS)]
    for place in range(mentees):
        own, other = _letters(place % MENTORS), _letters((place + 1) % MENTORS)
        name, number = f"Mia {_letters(place)}", mentee_number(place)
        rows.append(f"mentee,{name},{number},,Sam {own}/Sam {other}")
    return "\n".join(rows)


def _letters(number: int) -> str:
    """Names are made of letters: 0 is Aaa."""
    rest, last = divmod(number, 26)
    return "".join(ascii_lowercase[one] for one in (rest // 26, rest % 26, last)).title()


def _policy_file(folder: Path) -> Path:
    """The shipped policy, without the limits on texts, which a minute here would reach, and without
    the seconds for which an alert may wait to go out together with others.
    """
    text = POLICY_FILE.read_text("utf-8")
    text = re.sub(r"(per_person_an_hour =) \d+", r"\1 1000", text)
    text = re.sub(r"(per_program_a_day =) \d+", r"\1 1000000", text)
    text = re.sub(r"^((?:crises_)?together_seconds =) \d+", r"\1 0", text, flags=re.M)
    file = folder / "policy.toml"
    file.write_text(text, "utf-8")
    return file
