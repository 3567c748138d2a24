"""Fill a program with thousands of handoffs in seconds, to measure pages with.

By hand: `WARMLINE_KEY=... DATABASE_URL=... python -m tests.many_handoffs 10000`.
"""

import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from gateway.demo import seed_demo
from gateway.runtime.database import Database, make_engine
from models import (
    Alert,
    Base,
    Channel,
    CheckIn,
    Conversation,
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Match,
    MatchKind,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Program,
    Role,
    SkillOutcome,
    SkillUse,
    Speaker,
    Status,
    Urgency,
    Verdict,
    VerdictRecord,
    phone_index,
    use_key,
)

HANDOFFS_A_MENTEE = 20
LOOKS_BACK = timedelta(days=365)
WAITING, HELD = 20, 30
NAMES = ("Ada", "Ben", "Cleo", "Dev", "Ema", "Finn", "Gia", "Hugo", "Ivy", "Juno", "Kai", "Lea")
# Numbers that are reserved for examples: 555-01xx, a hundred in each area.
AREAS = (203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219)
ASKS = "nobody would notice if i was gone, i just want someone to talk to"
EVIDENCE = (
    '[{"axis": "connection", "start": 35, "end": 65, "quote": "i just want someone to talk to", '
    '"rule": "someone_to_talk_to"}]'
)
URGENCY_OF = {
    Need.CRISIS: Urgency.CRISIS,
    Need.CONCERN: Urgency.SOON,
    Need.REQUEST: Urgency.SOON,
    Need.CONNECTION: Urgency.ROUTINE,
    Need.STUCK: Urgency.ROUTINE,
}
OFTEN = {Need.CRISIS: 3, Need.CONCERN: 10, Need.REQUEST: 40, Need.CONNECTION: 30, Need.STUCK: 17}

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One handoff to write: waiting, claimed, or resolved."""

    mentee: int
    thread: int
    need: Need
    opened_at: datetime
    holder: Person
    wait: timedelta
    status: Status
    outcome: Outcome | None

    @property
    def urgency(self) -> Urgency:
        return URGENCY_OF[self.need]

    @property
    def claimed_at(self) -> datetime | None:
        return None if self.status is Status.WAITING else self.opened_at + self.wait / 2

    @property
    def first_reply_at(self) -> datetime | None:
        return None if self.status is Status.WAITING else self.opened_at + self.wait

    @property
    def closed_at(self) -> datetime | None:
        return self.opened_at + 5 * self.wait if self.status is Status.RESOLVED else None


def fill(database: Database, handoffs: int = 10_000, *, now: datetime, seed: int = 5) -> None:
    """Give the first program this many handoffs, spread over the year before `now`.

    The last ones are open: some wait, some are held by the program's first mentor. The others are
    closed, with their moves, alerts, replies, and for some a verdict. Same seed, same rows.
    """
    with database.writing() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None, "seed the demo first"
        staff = session.scalars(
            select(Person)
            .where(Person.program_id == program.id, Person.role != Role.MENTEE)
            .order_by(Person.id)
        ).all()
        count = max(handoffs // HANDOFFS_A_MENTEE, WAITING + HELD)
        mentees = _add_mentees(session, program, staff, count, now=now)
        cases = _make_cases(mentees, staff, handoffs, random.Random(seed), now=now)
        _add_handoffs(session, cases, _threads_of(session, program, staff), now=now)


def _make_cases(
    mentees: Sequence[tuple[int, int]],
    staff: Sequence[Person],
    count: int,
    chance: random.Random,
    *,
    now: datetime,
) -> list[Case]:
    cases = []
    first_open, first_waiting = count - WAITING - HELD, count - WAITING
    for n in range(count):
        closed, held = n < first_open, first_open <= n < first_waiting
        mentee, thread = mentees[n % len(mentees)]
        cases.append(
            Case(
                mentee,
                thread,
                chance.choices(list(OFTEN), weights=list(OFTEN.values()))[0],
                now - LOOKS_BACK + (n + 1) * LOOKS_BACK / (count + 1),
                staff[0] if held else chance.choice(staff),
                timedelta(seconds=chance.lognormvariate(5.5, 1)),
                Status.RESOLVED if closed else Status.CLAIMED if held else Status.WAITING,
                chance.choice(list(Outcome)) if closed else None,
            )
        )
    return cases


def _add_mentees(
    session: Session, program: Program, staff: Sequence[Person], count: int, *, now: datetime
) -> list[tuple[int, int]]:
    """The id of each new mentee and of their conversation; mentors are matched in turn."""
    numbers = [f"+1{area}55501{n:02d}" for area in AREAS for n in range(100)]
    people = _add(
        session,
        Person,
        [
            {
                "program_id": program.id,
                "role": Role.MENTEE,
                "name": f"{NAMES[n % len(NAMES)]} {n}",
                "phone": numbers[n],
                "phone_index": phone_index(numbers[n]),
                "timezone": program.timezone,
                "enrolled_at": now - LOOKS_BACK,
            }
            for n in range(count)
        ],
    )
    own = [person for person in staff if person.role is Role.MENTOR] or list(staff)
    matches = [
        {"mentee_id": mentee, "mentor_id": own[n % len(own)].id, "kind": MatchKind.OWN}
        for n, mentee in enumerate(people)
    ]
    _add(session, Match, matches)
    return list(zip(people, _add_threads(session, program, people), strict=True))


def _add_threads(session: Session, program: Program, people: Sequence[int]) -> list[int]:
    row = {"program_id": program.id, "channel": Channel.SMS}
    return _add(session, Conversation, [{**row, "person_id": person} for person in people])


def _threads_of(session: Session, program: Program, people: Sequence[Person]) -> dict[int, int]:
    """The conversation of each person, new where there is none."""
    found = {
        thread.person_id: thread.id
        for thread in session.scalars(
            select(Conversation).where(Conversation.person_id.in_([one.id for one in people]))
        )
        if thread.person_id is not None
    }
    without = [one.id for one in people if one.id not in found]
    return found | dict(zip(without, _add_threads(session, program, without), strict=True))


def _add_handoffs(
    session: Session, cases: Sequence[Case], own_threads: dict[int, int], *, now: datetime
) -> None:
    asked = _add(session, Message, [_asks(one) for one in cases])
    rows = [_handoff(one, message, now) for one, message in zip(cases, asked, strict=True)]
    numbers = _add(session, Handoff, rows)
    numbered = list(zip(cases, numbers, strict=True))
    decisions = [_decided(*one, message) for one, message in zip(numbered, asked, strict=True)]
    _add(session, DecisionRecord, decisions)
    _add(session, HandoffEvent, [move for one in numbered for move in _moves(*one)])
    texts = _add(
        session,
        Message,
        [
            _says(own_threads[one.holder.id], f"#{number}: TAKE {number}", one.opened_at)
            for one, number in numbered
        ],
    )
    alerts = [
        {"handoff_id": number, "person_id": one.holder.id, "message_id": text, "at": one.opened_at}
        for (one, number), text in zip(numbered, texts, strict=True)
    ]
    _add(session, Alert, [{**alert, "ladder": 1, "rung": 0} for alert in alerts])
    replies = [(one, one.first_reply_at) for one in cases]
    said = [_says(one.thread, "Hey, I read it.", at, by=one.holder) for one, at in replies if at]
    _add(session, Message, said)
    closed = [one for one in zip(cases, numbers, asked, strict=True) if one[0].closed_at]
    _add_what_followed(session, closed, random.Random(len(cases)))


def _add_what_followed(
    session: Session, closed: Sequence[tuple[Case, int, int]], chance: random.Random
) -> None:
    """Verdicts, skills, and check-ins of some closed handoffs, given with their message."""
    verdicts = [
        {
            "conversation_id": one.thread,
            "handoff_id": number,
            "by_id": one.holder.id,
            "at": one.closed_at,
            "verdict": chance.choice(list(Verdict)),
        }
        for one, number, _ in closed[::3]
    ]
    _add(session, VerdictRecord, verdicts)
    skills = [
        {
            "conversation_id": one.thread,
            "skill": "breathing",
            "started_at": one.opened_at - timedelta(minutes=20),
            "ended_at": one.opened_at - timedelta(minutes=15),
            "outcome": SkillOutcome.DONE,
            "before": chance.randint(5, 9),
            "after": chance.randint(2, 7),
        }
        for one, _, _ in closed[::4]
    ]
    _add(session, SkillUse, skills)
    check_ins = [
        {
            "conversation_id": one.thread,
            "message_id": message,
            "at": one.opened_at - timedelta(hours=3),
            "kind": "mood",
            "score": chance.randint(0, 10),
        }
        for one, _, message in closed[::3]
    ]
    _add(session, CheckIn, check_ins)


def _asks(one: Case) -> Row:
    return {
        "conversation_id": one.thread,
        "at": one.opened_at,
        "outgoing": False,
        "speaker": Speaker.MENTEE,
        "speaker_id": one.mentee,
        "speaker_name": "A mentee",
        "words": ASKS,
        "channel": Channel.SMS,
        "handled_at": one.opened_at,
        "moved_at": one.opened_at,
    }


def _handoff(one: Case, message: int, now: datetime) -> Row:
    waiting = one.status is Status.WAITING
    return {
        "conversation_id": one.thread,
        "opened_by_message_id": message,
        "need": one.need,
        "urgency": one.urgency,
        "status": one.status,
        "mentor_id": None if waiting else one.holder.id,
        "ladder": 1,
        "rung": 0,
        # Not due yet: otherwise whoever serves this database would climb the ladder now.
        "next_page_at": now + timedelta(days=1) if waiting else None,
        "opened_at": one.opened_at,
        "claimed_at": one.claimed_at,
        "first_reply_at": one.first_reply_at,
        "closed_at": one.closed_at,
        "outcome": one.outcome,
    }


def _moves(one: Case, handoff: int) -> list[Row]:
    urgency, by = one.urgency.name.lower(), one.holder.id
    page = {"people": [by], "urgency": urgency, "ladder": 1, "rung": 0}
    moves: list[tuple[Move, datetime | None, int | None, dict[str, Any]]] = [
        (Move.OPEN, one.opened_at, None, {"need": one.need.value, "urgency": urgency}),
        (Move.PAGE, one.opened_at, None, page),
        (Move.CLAIM, one.claimed_at, by, {}),
        (Move.RESOLVE, one.closed_at, by, {"outcome": one.outcome.value if one.outcome else None}),
    ]
    return [
        {"handoff_id": handoff, "at": at, "move": move, "by_id": by_id, "detail": detail}
        for move, at, by_id, detail in moves
        if at is not None
    ]


def _says(thread: int, words: str, at: datetime, *, by: Person | None = None) -> Row:
    """A delivered message from the bot or a person."""
    return {
        "conversation_id": thread,
        "at": at,
        "outgoing": True,
        "speaker": Speaker(by.role.value) if by else Speaker.BOT,
        "speaker_id": by.id if by else None,
        "speaker_name": by.name if by else None,
        "words": words,
        "script": None if by else "alert_soon",
        "channel": Channel.SMS,
        "handled_at": at,
        "moved_at": at,
        "delivery": Delivery.DELIVERED,
        "tries": 1,
        "sending_at": at,
        "sent_at": at + timedelta(seconds=1),
        "delivered_at": at + timedelta(seconds=3),
    }


def _decided(one: Case, handoff: int, message: int) -> Row:
    return {
        "message_id": message,
        "handoff_id": handoff,
        "at": one.opened_at,
        "owner": Owner.BOT,
        "crisis": 0.9 if one.need is Need.CRISIS else 0.1,
        "connection": 0.9,
        "tools": 0.1,
        "asked_for_person": one.need is Need.REQUEST,
        "bot": "answered",
        "evidence": EVIDENCE,
        "version": "many",
        "thresholds": {"crisis": 0.7, "concern": 0.3, "connection": 0.82, "tools": 0.5},
        "seen": None,
        "quadrant": "connection",
        "counterfactual": None,
        "decision": "hand_off",
        "why": "wishes for a person",
    }


def _add(session: Session, table: type[Base], rows: Sequence[Row]) -> list[int]:
    """Insert all rows at once and return their ids in order.

    Numbers them here: asking the database for ten thousand ids takes longer than the rest.
    """
    if not rows:
        return []
    key = table.__table__.c.id
    last = session.scalar(select(func.max(key))) or 0
    ids = list(range(last + 1, last + 1 + len(rows)))
    numbered = [{"id": number, **row} for number, row in zip(ids, rows, strict=True)]
    session.connection().execute(insert(table), numbered)
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
        session.execute(select(func.setval(sequence, ids[-1])))
    return ids


def main() -> None:
    use_key(os.environ["WARMLINE_KEY"])
    database = Database(make_engine(os.environ["DATABASE_URL"]))
    database.migrate()
    now = datetime.now(UTC)
    with database.writing() as session:
        seed_demo(session, now=now)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began = time.monotonic()
    fill(database, count, now=now)
    print(f"{count} handoffs in {time.monotonic() - began:.1f} s.")


if __name__ == "__main__":
    main()
