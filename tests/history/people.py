"""The people of a long history: mentors, mentees, their threads and matches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from gateway.runtime.database import Database
from models import (
    Channel,
    Conversation,
    Match,
    MatchKind,
    Person,
    Program,
    Role,
    phone_index,
)
from tests.history.inserting import Inserts, Row, make_keys

NAMES = ("Ada", "Ben", "Cleo", "Dev", "Ema", "Finn", "Gia", "Hugo", "Ivy", "Juno", "Kai", "Lea")
# Numbers that are reserved for examples: 555-01xx, a hundred in each area. The cast has 202.
AREAS = [area for area in range(203, 990) if area % 100 != 11 and area != 555]
MENTEES_START, MENTORS_START = 0, 60_000


@dataclass(frozen=True)
class Who:
    """A person, and what a row about them needs. `thread` is 0 where they have none yet."""

    id: int
    key: str
    role: Role
    name: str
    thread: int = 0


def find_staff(database: Database) -> tuple[Program, list[Who]]:
    with database.reading() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None, "seed the demo first"
        rows = session.execute(
            select(Person, Conversation.id)
            .outerjoin(Conversation, Conversation.person_id == Person.id)
            .where(Person.program_id == program.id, Person.role != Role.MENTEE)
            .order_by(Person.id)
        )
        return program, [
            Who(one.id, one.key_id, one.role, one.name, thread or 0) for one, thread in rows
        ]


def add_mentors(rows: Inserts, program: Program, count: int, *, at: datetime) -> list[Who]:
    return _add_people(rows, program, Role.MENTOR, count, MENTORS_START, at=at)


def add_mentees(
    rows: Inserts, program: Program, staff: Sequence[Who], count: int, *, at: datetime
) -> list[Who]:
    """With their threads; mentors are matched in turn."""
    mentees = _add_people(rows, program, Role.MENTEE, count, MENTEES_START, at=at)
    own = [one for one in staff if one.role is Role.MENTOR] or list(staff)
    for n, mentee in enumerate(mentees):
        mentor = own[n % len(own)]
        rows.add(Match, mentee_id=mentee.id, mentor_id=mentor.id, kind=MatchKind.OWN)
    return add_threads(rows, program, mentees)


def add_threads(rows: Inserts, program: Program, people: Sequence[Who]) -> list[Who]:
    """A thread for each who has none."""
    return [
        one if one.thread else replace(one, thread=_add_thread(rows, program, one))
        for one in people
    ]


def _add_thread(rows: Inserts, program: Program, one: Who) -> int:
    same: Row = {"program_id": program.id, "channel": Channel.SMS, "key_id": one.key}
    return rows.add(Conversation, person_id=one.id, **same)


def _add_people(
    rows: Inserts, program: Program, role: Role, count: int, start: int, *, at: datetime
) -> list[Who]:
    people = []
    for n, key in enumerate(make_keys(count)):
        name, phone = f"{NAMES[n % len(NAMES)]} {n}", _phone(start + n)
        number = rows.add(
            Person,
            key,
            program_id=program.id,
            role=role,
            timezone=program.timezone,
            key_id=key,
            name=name,
            phone=phone,
            phone_index=phone_index(phone),
            enrolled_at=at,
            language="en",
            shares_whole=True,
        )
        people.append(Who(number, key, role, name))
    return people


def _phone(n: int) -> str:
    return f"+1{AREAS[n // 100]}55501{n % 100:02d}"
