"""Reading the people file: who is in the programme, and who mentors whom."""

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.receive import as_e164
from models import Conversation, Match, MatchKind, Person, Programme, Role
from models.encryption import phone_index

COLUMNS = ("role", "name", "phone", "timezone", "mentor")


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file; the header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Row:
    line: int
    role: Role
    name: str
    phone: str
    timezone: str
    mentors: tuple[str, ...]


@dataclass
class PeopleFile:
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_people(content: bytes, *, timezone: str) -> PeopleFile:
    """Read a people file (CSV, commas or semicolons, UTF-8 or Latin-1), checking every line.

    `timezone` is used where the column is empty. `mentor` names a mentee's own mentor by name
    or number; further ones, separated by "/", are back-ups.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    header = text.split("\n", 1)[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [(name or "").strip().casefold() for name in reader.fieldnames or []]
    missing = [column for column in COLUMNS[:3] if column not in names]
    people = PeopleFile()
    if missing:
        wanted = ",".join(COLUMNS)
        people.problems.append(
            Problem(1, f"the header has no {', '.join(missing)}; it should be {wanted}")
        )
        return people
    reader.fieldnames = names
    seen: dict[str, int] = {}
    for raw in reader:
        line = reader.line_num
        cells = {
            key: (value or "").strip()
            for key, value in raw.items()
            if isinstance(key, str) and not isinstance(value, list)
        }
        if not any(cells.values()):
            continue
        row = _read_row(cells, line, timezone)
        if isinstance(row, Problem):
            people.problems.append(row)
        elif row.phone in seen:
            people.problems.append(
                Problem(line, f"the phone number stands on line {seen[row.phone]} already")
            )
        else:
            seen[row.phone] = line
            people.rows.append(row)
    return people


def _read_row(cells: dict[str, str], line: int, timezone: str) -> Row | Problem:
    try:
        role = Role(cells["role"].casefold())
    except ValueError:
        return Problem(line, f"role is {cells['role']!r}; it must be mentee, mentor or manager")
    if not cells["name"]:
        return Problem(line, "name is empty; give the first name others will read")
    phone = as_e164(cells["phone"])
    if phone is None:
        return Problem(line, "phone is no telephone number; write it like +12025550101")
    zone = cells.get("timezone") or timezone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return Problem(line, f"timezone {zone!r} is unknown; write one like America/New_York")
    mentors = tuple(
        mentor.strip() for mentor in cells.get("mentor", "").split("/") if mentor.strip()
    )
    if mentors and role is not Role.MENTEE:
        return Problem(line, "only a mentee has a mentor; leave that column empty")
    return Row(line, role, cells["name"], phone, zone, mentors)


def enrol(
    session: Session, programme: Programme, people: PeopleFile, *, now: datetime
) -> list[Person]:
    """Enrol every good row, or bring up to date whoever has that number already.

    Rows that turn out bad here (an unknown mentor, a changed role) are added to
    `people.problems`. The caller commits, or rolls back when none should be kept.
    """
    enrolled = []
    for row in sorted(people.rows, key=lambda row: row.role is Role.MENTEE):
        problem = _cannot_enrol(session, programme, row)
        if problem is not None:
            people.problems.append(problem)
            continue
        person = _person(session, programme, row, now=now)
        _match(session, person, _mentors(session, programme, row))
        enrolled.append(person)
    people.problems.sort(key=lambda problem: problem.line)
    return enrolled


def _cannot_enrol(session: Session, programme: Programme, row: Row) -> Problem | None:
    known = session.scalar(select(Person).where(Person.phone_index == phone_index(row.phone)))
    if known is not None and known.programme_id != programme.id:
        return Problem(row.line, "the phone number belongs to another programme here")
    if known is not None and known.role is not row.role:
        return Problem(
            row.line,
            f"the phone number is enrolled as a {known.role.value}, not a {row.role.value}",
        )
    found = _mentors(session, programme, row)
    for name, matches in zip(row.mentors, found, strict=True):
        if not matches:
            return Problem(row.line, f"there is no mentor {name!r}; enrol them first or as well")
        if len(matches) > 1:
            return Problem(row.line, f"{name!r} is the name of several mentors; write the number")
    return None


def _mentors(session: Session, programme: Programme, row: Row) -> list[list[Person]]:
    """For each mentor the row names, everybody who may be meant."""
    if not row.mentors:
        return []
    # Names are encrypted, so they are compared here and not by the database.
    staff = session.scalars(
        select(Person).where(Person.programme_id == programme.id, Person.role != Role.MENTEE)
    ).all()
    found = []
    for named in row.mentors:
        number = as_e164(named)
        found.append(
            [
                person
                for person in staff
                if person.name.casefold() == named.casefold() or (number and person.phone == number)
            ]
        )
    return found


def _person(session: Session, programme: Programme, row: Row, *, now: datetime) -> Person:
    index = phone_index(row.phone)
    person = session.scalar(select(Person).where(Person.phone_index == index))
    if person is None:
        person = Person(
            programme=programme,
            role=row.role,
            phone=row.phone,
            phone_index=index,
            enrolled_at=now,
        )
        session.add(person)
    person.name, person.timezone = row.name, row.timezone
    session.flush()
    _adopt_stranger(session, person, index)
    return person


def _adopt_stranger(session: Session, person: Person, index: str) -> None:
    """What they wrote before they were enrolled becomes their own thread."""
    thread = session.scalar(select(Conversation).where(Conversation.stranger_index == index))
    if thread is not None:
        thread.stranger_phone = thread.stranger_index = None
        thread.person, thread.programme_id = person, person.programme_id
        session.flush()


def _match(session: Session, mentee: Person, mentors: list[list[Person]]) -> None:
    if not mentors:
        return
    for match in session.scalars(select(Match).where(Match.mentee_id == mentee.id)):
        session.delete(match)
    session.flush()
    for place, (mentor,) in enumerate(mentors):
        kind = MatchKind.OWN if place == 0 else MatchKind.BACK_UP
        session.add(Match(mentee_id=mentee.id, mentor_id=mentor.id, kind=kind))
    session.flush()
