"""Fill a program with thousands of handoffs in seconds, to measure pages with."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from gateway.runtime.database import Database
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
    with_key,
)
from models.encryption.ownership import encrypted_columns, owner_key

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
# Each need with its urgency, and its share of all handoffs in percent.
NEEDS = {
    (Need.CRISIS, Urgency.CRISIS): 3,
    (Need.CONCERN, Urgency.SOON): 10,
    (Need.REQUEST, Urgency.SOON): 40,
    (Need.CONNECTION, Urgency.ROUTINE): 30,
    (Need.STUCK, Urgency.ROUTINE): 17,
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    mentee: int
    thread: int
    need: Need
    urgency: Urgency
    holder: Person
    status: Status
    outcome: Outcome | None
    opened_at: datetime
    wait: timedelta

    def after(self, waits: float, status: Status) -> datetime | None:
        """A time so many waits after the opening; None if the handoff has not come to `status`."""
        order = [Status.WAITING, Status.CLAIMED, Status.RESOLVED]
        came = order.index(self.status) >= order.index(status)
        return self.opened_at + waits * self.wait if came else None

    @property
    def times(self) -> dict[str, datetime | None]:
        return {
            "opened_at": self.opened_at,
            "claimed_at": self.after(0.5, Status.CLAIMED),
            "first_reply_at": self.after(1, Status.CLAIMED),
            "closed_at": self.after(5, Status.RESOLVED),
        }


def fill(database: Database, handoffs: int = 10_000, *, now: datetime, seed: int = 5) -> None:
    """Give the first program this many handoffs, spread over the year before `now`.

    The last ones wait or are held by the program's first mentor. Same seed, same rows.
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
    for n in range(count):
        status = Status.RESOLVED
        if n >= count - WAITING - HELD:
            status = Status.CLAIMED if n < count - WAITING else Status.WAITING
        [needed] = chance.choices(list(NEEDS), weights=list(NEEDS.values()))
        cases.append(
            Case(
                *mentees[n % len(mentees)],
                *needed,
                staff[0] if status is Status.CLAIMED else chance.choice(staff),
                status,
                chance.choice(list(Outcome)) if status is Status.RESOLVED else None,
                now - LOOKS_BACK + (n + 1) * LOOKS_BACK / (count + 1),
                timedelta(seconds=chance.lognormvariate(5.5, 1)),
            )
        )
    return cases


def _add_mentees(
    session: Session, program: Program, staff: Sequence[Person], count: int, *, now: datetime
) -> list[tuple[int, int]]:
    """The id of each new mentee and of their conversation; mentors are matched in turn."""
    numbers = [f"+1{area}55501{n:02d}" for area in AREAS for n in range(100)]
    same = {"program_id": program.id, "role": Role.MENTEE, "timezone": program.timezone}
    people = _add(
        session,
        Person,
        [
            {
                **same,
                "name": f"{NAMES[n % len(NAMES)]} {n}",
                "phone": numbers[n],
                "phone_index": phone_index(numbers[n]),
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
    rows = session.execute(
        select(Conversation.person_id, Conversation.id).where(
            Conversation.person_id.in_([one.id for one in people])
        )
    )
    found = {person: thread for person, thread in rows if person is not None}
    without = [one.id for one in people if one.id not in found]
    return found | dict(zip(without, _add_threads(session, program, without), strict=True))


def _add_handoffs(
    session: Session, cases: Sequence[Case], own_threads: dict[int, int], *, now: datetime
) -> None:
    asks = [_message(one.thread, ASKS, one.opened_at, mentee=one.mentee) for one in cases]
    asked = _add(session, Message, asks)
    rows = [_handoff(one, message, now) for one, message in zip(cases, asked, strict=True)]
    numbered = list(zip(cases, _add(session, Handoff, rows), asked, strict=True))
    _add(session, DecisionRecord, [_decision(*one) for one in numbered])
    _add(
        session, HandoffEvent, [move for one, number, _ in numbered for move in _moves(one, number)]
    )
    texts = [
        _message(own_threads[one.holder.id], f"#{number}: TAKE {number}", one.opened_at)
        for one, number, _ in numbered
    ]
    alerts = [
        {"handoff_id": number, "person_id": one.holder.id, "message_id": text, "at": one.opened_at}
        for (one, number, _), text in zip(numbered, _add(session, Message, texts), strict=True)
    ]
    _add(session, Alert, [{**alert, "ladder": 1, "rung": 0} for alert in alerts])
    replies = [
        _message(one.thread, "Hey, I read it.", at, by=one.holder)
        for one in cases
        if (at := one.times["first_reply_at"])
    ]
    _add(session, Message, replies)
    closed = [one for one in numbered if one[0].status is Status.RESOLVED]
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
            "at": one.times["closed_at"],
            "verdict": chance.choice(list(Verdict)),
        }
        for one, number, _ in closed[::3]
    ]
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
    for table, rows in ((VerdictRecord, verdicts), (SkillUse, skills), (CheckIn, check_ins)):
        _add(session, table, rows)


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
        # Not due yet: otherwise a gateway on this database would climb the ladder now.
        "next_page_at": now + timedelta(days=1) if waiting else None,
        "outcome": one.outcome,
        **one.times,
    }


def _moves(one: Case, handoff: int) -> list[Row]:
    urgency, by = one.urgency.name.lower(), one.holder.id
    page = {"people": [by], "urgency": urgency, "ladder": 1, "rung": 0}
    moves: list[tuple[Move, datetime | None, int | None, Row]] = [
        (Move.OPEN, one.opened_at, None, {"need": one.need.value, "urgency": urgency}),
        (Move.PAGE, one.opened_at, None, page),
        (Move.CLAIM, one.times["claimed_at"], by, {}),
        (Move.RESOLVE, one.times["closed_at"], by, {"outcome": one.outcome}),
    ]
    return [
        {"handoff_id": handoff, "at": at, "move": move, "by_id": by_id, "detail": detail}
        for move, at, by_id, detail in moves
        if at is not None
    ]


def _message(
    thread: int, words: str, at: datetime, *, mentee: int | None = None, by: Person | None = None
) -> Row:
    same = {"conversation_id": thread, "words": words, "channel": Channel.SMS}
    same |= {"at": at, "handled_at": at, "moved_at": at}
    if mentee is not None:
        speaker = {"speaker": Speaker.MENTEE, "speaker_id": mentee, "speaker_name": "A mentee"}
        return {**same, **speaker, "outgoing": False}
    return {
        **same,
        "outgoing": True,
        "speaker": Speaker(by.role.value) if by else Speaker.BOT,
        "speaker_id": by.id if by else None,
        "speaker_name": by.name if by else None,
        "script": None if by else "alert_soon",
        "delivery": Delivery.DELIVERED,
        "tries": 1,
        "sending_at": at,
        "sent_at": at + timedelta(seconds=1),
        "delivered_at": at + timedelta(seconds=3),
    }


def _decision(one: Case, handoff: int, message: int) -> Row:
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
        "quadrant": "connection",
        "decision": "hand_off",
        "why": "needs to talk with a person",
    }


def _add(session: Session, table: type[Base], rows: Sequence[Row]) -> list[int]:
    """Insert all rows and return their ids. Asking the database for these would take longer."""
    if not rows:
        return []
    key = table.__table__.c.id
    last = session.scalar(select(func.max(key))) or 0
    ids = list(range(last + 1, last + 1 + len(rows)))
    numbered = [{"id": number, **row} for number, row in zip(ids, rows, strict=True)]
    session.connection().execute(insert(table), _with_keys(session, table, numbered))
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
        session.execute(select(func.setval(sequence, ids[-1])))
    return ids


def _with_keys(session: Session, table: type[Base], rows: Sequence[Row]) -> list[Row]:
    """Give each value the key of its owner, as writing through the classes would."""
    encrypted = encrypted_columns(table.__mapper__)
    known: dict[Any, str] = {}
    keyed = []
    for row in rows:
        owner = next((name, row[name]) for name in (*table.owned_by, "id") if row.get(name))
        if owner not in known:
            known[owner] = owner_key(session, table(**row))
        with_id = {"key_id": known[owner]} if table.has_own_key else {}
        values = {name: row[name] for name in encrypted if row.get(name) is not None}
        values = {name: with_key(value, known[owner]) for name, value in values.items()}
        keyed.append({**row, **with_id, **values})
    return keyed
