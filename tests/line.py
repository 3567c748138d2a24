"""All of Warmline in one process, on a clock that the test turns.

The database, the rules, detection, the pipeline, and delivery are real. Replaced are the bot, which
answers from a table, the phones, which remember what they show, and the job queue, which is a list.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Barrier
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Answer, BotAway, SkillStep
from escalation.detect import detect
from escalation.handoffs.jobs import Work
from escalation.ruleset import Rules, load_rules
from escalation.signals import Signals
from gateway.demo import seed_demo
from gateway.messaging.inbox import Incoming, record
from gateway.pipeline.turns import take_turns
from gateway.privacy.erasure import erase
from gateway.privacy.jobs import DeleteOldData
from gateway.runtime.database import Database
from gateway.runtime.jobs import Engine
from gateway.runtime.line import Line, Sent, TextFailed
from gateway.worker import GRACE, KINDS, CleanUp, Watchdog, do_work, find_due
from models import (
    Base,
    Channel,
    Conversation,
    Delivery,
    Handoff,
    HandoffCode,
    Message,
    Person,
    Program,
    Role,
    phone_index,
)

Row = TypeVar("Row", bound=Base)

ASKS = "can i talk to a real person please"
CRISIS = "i am going to kill myself tonight"

# A Tuesday morning in New York.
MORNING = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)

MAYA = "+12025550101"
JO = "+12025550102"
SAM = "+12025550111"
NOOR = "+12025550112"
RUTH = "+12025550121"
STRANGER = "+12025550199"
NAMES = {MAYA: "maya", JO: "jo", SAM: "sam", NOOR: "noor", RUTH: "ruth", STRANGER: "stranger"}
NUMBERS = {name: number for number, name in NAMES.items()}


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do all of these at the same instant, each on a thread. Returns their results."""
    start = Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


class Clock:
    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class AtOnce(Executor):
    """Runs work at once, so that a test can look right after."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **options))
        return done


@dataclass
class TableBot:
    """A bot that answers from a table and remembers what it heard."""

    answers: dict[str, Answer] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    forgot: list[int] = field(default_factory=list)
    away: bool = False
    while_answering: Callable[[], None] | None = None

    def answer(self, conversation_id: int, text: str) -> Answer:
        default = Answer(words=(f"You wrote: {text}",))
        return self._reply(self.heard, text, self.answers.get(text, default))

    def begin(self, conversation_id: int, skill: str) -> Answer:
        asks = Answer(words=(f"The bot asks: {skill}",), skills=(SkillStep(skill, "started"),))
        return self._reply(self.begun, skill, self.answers.get(f"/{skill}", asks))

    def _reply(self, log: list[str], heard: str, answer: Answer) -> Answer:
        if self.away:
            raise BotAway("it is switched off in this test")
        log.append(heard)
        if self.while_answering is not None:
            self.while_answering()
        return answer

    def forget(self, conversation_id: int) -> None:
        if self.away:
            raise BotAway("it is switched off in this test")
        self.forgot.append(conversation_id)

    def ready(self) -> bool:
        return not self.away


@dataclass
class Handsets:
    """Phones that show what reached them, in order; a number may be made to refuse."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    refuse: dict[str, TextFailed] = field(default_factory=dict)
    reports: Delivery = Delivery.DELIVERED
    forgotten: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def send(
        self, to: str, words: str, *, message_id: int, valid_for: timedelta | None = None
    ) -> Sent:
        if to in self.refuse:
            raise self.refuse[to]
        self.shown.append((to, words))
        return Sent(f"PH{next(self._numbers):032d}", self.reports)

    def find_sent(self, to: str, words: str, *, since: datetime) -> list[Sent]:
        return []

    def forget(self, provider_id: str) -> None:
        self.forgotten.append(provider_id)


@dataclass
class Kept:
    """The jobs that are stored for later.

    Most tests are not about what comes by itself days later: `ignored` are the queues left out.
    """

    work: list[tuple[datetime, Work]] = field(default_factory=list)
    ignored: tuple[str, ...] = ("check_ins", "scheduled")

    def __call__(self, session: Session | None, work: Work, *, at: datetime) -> None:
        if work.queue not in self.ignored and (at, work) not in self.work:
            self.work.append((at, work))

    def take_due(self, now: datetime) -> Work | None:
        first = min(self.work, key=lambda entry: entry[0], default=None)
        if first is None or first[0] > now:
            return None
        self.work.remove(first)
        return first[1]


@cache
def shipped_rules() -> Rules:
    return load_rules("https://warmline.example", Channel.SMS)


class Talk:
    """Drives Warmline the way people do: they text, time passes, they read their phones."""

    def __init__(self, database: Database, *, rules: Rules | None = None) -> None:
        self.clock = Clock()
        self.bot = TableBot()
        self.phones = Handsets()
        self.kept = Kept()
        self.database = database
        database.enqueues_with(self.kept)
        self.line = Line(
            database=database,
            rules=rules or shipped_rules(),
            bot=self.bot,  # type: ignore[arg-type]
            texts=self.phones,
            detect=self._detect,
            take_turns=take_turns,
            clock=self.clock,
            workers=AtOnce(),  # type: ignore[arg-type]
        )
        self._ids = itertools.count(1)
        self._read = 0
        with database.writing() as session:
            seed_demo(session, now=self.clock())

    def _detect(self, words: str, history: Sequence[str]) -> Signals:
        return detect(words, history)

    def texts(
        self, number: str, words: str, *, media: int = 0, channel: Channel = Channel.SMS
    ) -> None:
        """A person texts Warmline, and everything that follows at once is done.

        {2} in the words is the code by which this person's phone knows the second handoff, and {}
        their code for the newest one. {WRITE} is the code that WRITE was answered with.
        """
        if "{WRITE}" in words:
            (code,) = re.findall(r"text WRITE (\w{4}) ", self.read_by(number)[-1])
            words = words.replace("{WRITE}", code)
        words = re.sub(r"\{(\d*)\}", lambda found: self.code(number, found[1]), words)
        conversation_id = self.arrives(number, words, media=media, channel=channel)
        if conversation_id is not None:
            self.line.soon(take_turns, conversation_id)

    def arrives(
        self,
        number: str,
        words: str,
        *,
        media: int = 0,
        provider_id: str | None = None,
        channel: Channel = Channel.SMS,
    ) -> int | None:
        provider_id = provider_id or f"SM{next(self._ids):032d}"
        incoming = Incoming(words, provider_id, channel, media)
        return record(self.database, incoming, phone=number, now=self.clock())

    def passes(self, **time: float) -> None:
        until = self.clock.now + timedelta(**time)
        while due := [at for at, _ in self.kept.work if at <= until]:
            self.clock.now = max(self.clock.now, min(due))
            work = self.kept.take_due(self.clock.now)
            assert work is not None
            do_work(self.line, work)
        self.clock.now = until

    def runs_watchdog(self) -> None:
        """The watchdog looks, and what it enqueues is done."""
        stored = [work for _, work in self.kept.work]
        kinds = [kind for kind in KINDS if kind.job not in (CleanUp, DeleteOldData)]
        for work in find_due(self.line, kinds, before=self.clock() - GRACE):
            if work not in stored:
                self.kept(None, work, at=self.clock())
        self.passes(seconds=0)

    @contextmanager
    def running(self, database_url: str) -> Iterator[Watchdog]:
        """The engine itself runs, and the clock too. The watchdog looks when it is asked to."""
        began = datetime.now(UTC)
        self.line.clock = lambda: self.clock() + (datetime.now(UTC) - began)
        jobs = [kind.job for kind in KINDS]
        engine = Engine(self.database, database_url, jobs, clock=self.line.clock)
        engine.start(lambda work: do_work(self.line, work))
        try:
            yield Watchdog(self.line, engine)
        finally:
            engine.stop()
            self.clock.now, self.line.clock = self.line.clock(), self.clock
            self.database.enqueues_with(self.kept)

    def code(self, number: str, handoff: int | str = "") -> str:
        """The code for a handoff, or for the newest, that this person has read on their phone."""
        handoff = int(handoff or self.handoff().id)
        code = self._codes(number).get(handoff)
        if code is None or not self._has_read(number, code):
            # Not paged, or the text waits for others of the same minute: they look at the list.
            self.texts(number, "WAITING")
            code = self._codes(number)[handoff]
        assert self._has_read(number, code)
        return code

    def _has_read(self, number: str, code: str) -> bool:
        read = (one for one in self.thread(number) if one.outgoing and one.sent_at is not None)
        return any(code in one.words for one in read)

    def _codes(self, number: str) -> dict[int, str]:
        with self.database.reading() as session:
            of_phone = (
                select(HandoffCode.handoff_id, HandoffCode.code)
                .join(Person, Person.id == HandoffCode.person_id)
                .where(Person.phone_index == phone_index(number))
            )
            return {row.handoff_id: row.code for row in session.execute(of_phone)}

    def _with_numbers(self, shown: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Texts with {2} in place of the reader's code for the second handoff."""
        shown = list(shown)
        codes = {number: self._codes(number) for number in {to for to, _ in shown}}
        texts = []
        for to, words in shown:
            for handoff, code in codes[to].items():
                words = words.replace(code, f"{{{handoff}}}")
            texts.append((to, words))
        return texts

    def new_texts(self) -> list[tuple[str, str]]:
        """The texts that reached phones since the last call: name and words, codes as {2}."""
        shown = self._with_numbers(self.phones.shown[self._read :])
        self._read = len(self.phones.shown)
        return [(NAMES[number], words) for number, words in shown]

    def paged(self) -> list[str]:
        """The people who were paged since the last call, by name."""
        texts = self.new_texts()
        return sorted(name for name, words in texts if "TAKE" in words and name != "maya")

    def says(self, number: str, words: str) -> str:
        """A person texts Warmline. Returns its one answer."""
        before = len(self.read_by(number))
        self.texts(number, words)
        (answer,) = self.read_by(number)[before:]
        return answer.removeprefix("Warmline bot: ")

    def claims(self, mentor: str = SAM, mentee: str = MAYA, asks: str = ASKS) -> int:
        """A mentee asks for a person, and a mentor claims the handoff and writes."""
        self.texts(mentee, asks)
        number = self.handoff().id
        self.texts(mentor, f"TAKE {{{number}}}")
        self.texts(mentor, f"#{{{number}}} hello")
        self.new_texts()
        return number

    def read_by(self, number: str) -> list[str]:
        """What the phone shows, with {2} in place of the code for the second handoff."""
        return [
            words
            for _, words in self._with_numbers(one for one in self.phones.shown if one[0] == number)
        ]

    def handoff(self) -> Handoff:
        with self.database.reading() as session:
            return session.scalars(select(Handoff).order_by(Handoff.id.desc()).limit(1)).one()

    def handoffs(self) -> list[Handoff]:
        with self.database.reading() as session:
            return list(session.scalars(select(Handoff).order_by(Handoff.id)))

    def person(self, number: str) -> Person:
        with self.database.reading() as session:
            people = session.scalars(select(Person)).all()
        return next(person for person in people if person.phone == number)

    def a_manager_elsewhere(self) -> str:
        """Enroll Eve, who manages another program. Returns her number."""
        eve, here = "+12025550150", self.rows(Program)[0]
        with self.database.writing() as session:
            other = Program(
                name="Elsewhere",
                timezone="Europe/Berlin",
                opens_at=here.opens_at,
                closes_at=here.closes_at,
            )
            session.add(other)
            session.flush()
        self.enrolls("Eve", eve, other, Role.MANAGER)
        return eve

    def enrolls(
        self, name: str, number: str, program: Program | None = None, role: Role = Role.MENTEE
    ) -> None:
        program = program or self.rows(Program)[0]
        NAMES.setdefault(number, name.casefold())
        with self.database.writing() as session:
            session.add(
                Person(
                    program_id=program.id,
                    role=role,
                    name=name,
                    phone=number,
                    phone_index=phone_index(number),
                    timezone=program.timezone,
                    enrolled_at=self.clock(),
                )
            )

    def sets(self, number: str, **fields: object) -> None:
        """Change a person's row as if it had always been so."""
        with self.database.writing() as session:
            person = session.get_one(Person, self.person(number).id)
            for field, value in fields.items():
                setattr(person, field, value)

    def erases(self, number: str) -> None:
        """A person is erased at once, by a command."""
        with self.database.writing() as session:
            person = session.get_one(Person, self.person(number).id)
            erase(session, person, by=None, now=self.clock())
        self.database.destroy_due_keys()

    def adopts(self, part: str, **values: object) -> None:
        """Change a part of the policy."""
        rules = self.line.rules
        changed = getattr(rules.policy, part).model_copy(update=values)
        self.line.rules = replace(rules, policy=rules.policy.model_copy(update={part: changed}))

    def conversation(self, number: str) -> Conversation:
        of_theirs = Conversation.person_id == self.person(number).id
        with self.database.reading() as session:
            return session.scalars(select(Conversation).where(of_theirs)).one()

    def rows(self, table: type[Row]) -> list[Row]:
        """All rows of a table, the first one first."""
        with self.database.reading() as session:
            return list(session.scalars(select(table).order_by(*table.__mapper__.primary_key)))

    def thread(self, number: str) -> list[Message]:
        with self.database.reading() as session:
            return list(
                session.scalars(
                    select(Message)
                    .join(Conversation)
                    .where(Conversation.person_id == self.person(number).id)
                    .order_by(Message.id)
                )
            )
