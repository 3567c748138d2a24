"""Reading the people file: who is in the program, and who mentors whom.

A file is planned before it is enrolled: `plan` says for each line what would be done or what is
wrong, and writes nothing; `enroll` does what the plan says. The command and the managers' page use
the same two.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    LANGUAGES_OF_STAFF,
    gettext_noop,
    language_name,
    phrase,
)
from escalation.speech.i18n import known as known_language
from gateway.runtime.database import lock_program
from gateway.runtime.phone_numbers import as_e164
from models import Conversation, Match, MatchKind, Person, Program, Role
from models.encryption import phone_index

COLUMNS = ("role", "name", "phone", "timezone", "mentor", "language")
LONGEST_NAME = 60
MOST_LINES = 5_000
DELIMITERS = {
    ",": gettext_noop("commas"),
    ";": gettext_noop("semicolons"),
    "\t": gettext_noop("tabs"),
}
# What turns the text around it, and would turn the sentence a name stands in. The marks that
# right-to-left names are written with are no such signs, and stay.
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# One sentence for every number that is taken where the reader may not look.
NOT_HERE = gettext_noop(
    "this phone number cannot be used here; check it, or ask the operator of the line"
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file; the header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Row:
    """One person as a line names them. Without `says_timezone` the zone is only a default.

    `language` is what the line writes to a mentee in (BCP 47); empty where the line says nothing.
    """

    line: int
    role: Role
    name: str
    phone: str
    timezone: str
    mentors: tuple[str, ...]
    says_timezone: bool = True
    language: str = ""


@dataclass
class PeopleFile:
    """What was read of a file; `read_as` says how, such as "UTF-8, separated by commas"."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read_as: str = ""


class Doing(StrEnum):
    """What a line leads to."""

    ADDS = "adds"
    CHANGES = "changes"
    BRINGS_BACK = "brings back"
    LEAVES = "leaves as they are"


@dataclass(frozen=True)
class Mentor:
    """Somebody a mentee can be matched with: enrolled already, or by a line of the same file."""

    name: str
    phone: str | None
    person: Person | None


@dataclass(frozen=True)
class Step:
    """What would be done for one good line. `changes` are phrases such as "name was Maja"."""

    row: Row
    doing: Doing
    person: Person | None
    mentors: tuple[Mentor, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    @property
    def to_do(self) -> list[Step]:
        return [step for step in self.steps if step.doing is not Doing.LEAVES]

    def count(self, doing: Doing) -> int:
        return sum(step.doing == doing for step in self.steps)


# --- reading ---


def read_people(content: bytes, *, timezone: str) -> PeopleFile:
    """Read a people file, checking every line.

    CSV as spreadsheets write it: UTF-8 or Windows-1252 (or UTF-16 with its mark), separated by
    commas, semicolons or tabs. `timezone` is used where the column is empty. `mentor` names a
    mentee's own mentor by name or number; further ones, separated by "/", are back-ups. `language`
    is the mentee's, such as es; empty leaves it as it is.
    """
    people = PeopleFile()
    if content.startswith(b"PK\x03\x04"):
        people.problems.append(
            Problem(
                1, gettext_noop("this is a workbook, not a CSV file; save it as CSV and take that")
            )
        )
        return people
    text, encoding = _decoded(content)
    if "\x00" in text:
        people.problems.append(
            Problem(1, gettext_noop("this is not a text file; save it as CSV (UTF-8)"))
        )
        return people
    delimiter = _detect_delimiter(text)
    people.read_as = phrase(
        "{encoding}, separated by {delimiter}",
        encoding=encoding,
        delimiter=phrase(DELIMITERS[delimiter]),
    )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read_lines(reader, people, timezone)
    except csv.Error:
        # An open quotation mark would swallow all that follows it.
        line = reader.line_num
        people.problems.append(
            Problem(
                line, gettext_noop('a quotation mark (") is not closed or stands inside a cell')
            )
        )
    return people


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _detect_delimiter(text: str) -> str:
    """The one that makes most of our columns out of the first line."""
    header = text.split("\n", 1)[0]
    return max(DELIMITERS, key=lambda mark: sum(n in COLUMNS for n in _names(header.split(mark))))


def _names(cells: Sequence[str]) -> list[str]:
    return [cleaned(cell).strip('"').replace(" ", "").replace("_", "").casefold() for cell in cells]


def _read_lines(reader: "Iterator[list[str]]", people: PeopleFile, timezone: str) -> None:
    names = _names(next(reader, []))
    missing = [column for column in COLUMNS[:3] if column not in names]
    if missing:
        wanted = ",".join(COLUMNS)
        people.problems.append(
            Problem(
                1,
                phrase(
                    "the header has no {missing}; it should be {wanted}",
                    missing=", ".join(missing),
                    wanted=wanted,
                ),
            )
        )
        return
    seen: dict[str, int] = {}
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if line > MOST_LINES + 1:
            people.problems.append(
                Problem(
                    line, phrase("the file has more than {most:,} lines; split it", most=MOST_LINES)
                )
            )
            return
        values = dict(zip(names, map(cleaned, cells), strict=False))
        if not any(values.values()):
            continue
        row = read_row({column: values.get(column, "") for column in COLUMNS}, line, timezone)
        if isinstance(row, Problem):
            people.problems.append(row)
        elif row.phone in seen:
            people.problems.append(
                Problem(
                    line,
                    phrase("the phone number stands on line {line} already", line=seen[row.phone]),
                )
            )
        else:
            seen[row.phone] = line
            people.rows.append(row)


def cleaned(cell: str) -> str:
    """A cell as one plain line: without control signs and without what turns text around."""
    kept = (" " if sign.isspace() else sign for sign in unicodedata.normalize("NFC", cell))
    return " ".join(
        "".join(
            sign
            for sign in kept
            if sign not in TURNS and unicodedata.category(sign) not in ("Cc", "Cs")
        )
        .strip("\ufeff")
        .split()
    )


def typed_row(
    *, role: str, name: str, phone: str, timezone: str, language: str, otherwise: str
) -> Row | Problem:
    """One person as typed in a form or sent by a program, checked as a line of a file is.

    `otherwise` is the time zone where none is given. Mentors are chosen apart.
    """
    typed = {"role": role, "name": name, "phone": phone, "timezone": timezone, "mentor": ""}
    cells = {key: cleaned(cell) for key, cell in {**typed, "language": language}.items()}
    return read_row(cells, 1, otherwise)


def read_row(cells: dict[str, str], line: int, timezone: str) -> Row | Problem:
    """One line's cells, which are `cleaned`, as a row, or what is wrong with them."""
    try:
        role = Role(cells["role"].casefold())
    except ValueError:
        return Problem(
            line,
            phrase("role is {role!r}; it must be mentee, mentor or manager", role=cells["role"]),
        )
    if not cells["name"]:
        return Problem(line, gettext_noop("name is empty; give the first name others will read"))
    if len(cells["name"]) > LONGEST_NAME:
        return Problem(
            line,
            phrase(
                "name is longer than {longest} signs; a first name is enough", longest=LONGEST_NAME
            ),
        )
    phone = as_e164(cells["phone"])
    if phone is None:
        return Problem(
            line, gettext_noop("phone is no telephone number; write it like +12025550101")
        )
    zone = cells["timezone"] or timezone
    if not is_zone(zone):
        return Problem(
            line, phrase("timezone {zone!r} is unknown; write one like America/New_York", zone=zone)
        )
    mentors = tuple(mentor.strip() for mentor in cells["mentor"].split("/") if mentor.strip())
    if mentors and role is not Role.MENTEE:
        return Problem(line, gettext_noop("only a mentee has a mentor; leave that column empty"))
    language = cells.get("language", "").casefold()
    if language and language not in LANGUAGES:
        there = ", ".join(LANGUAGES)
        return Problem(
            line,
            phrase(
                "language {language!r} is unknown; there are {there}",
                language=language,
                there=there,
            ),
        )
    if language and role is not Role.MENTEE and language not in LANGUAGES_OF_STAFF:
        return Problem(line, gettext_noop("only a mentee has a language; leave that column empty"))
    says_zone = bool(cells["timezone"])
    return Row(line, role, cells["name"], phone, zone, mentors, says_zone, language)


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# --- planning ---


@dataclass(frozen=True)
class _Known:
    """What the database knows that the lines of one file are about."""

    people: dict[str, Person]
    taken_elsewhere: frozenset[str]
    matches: dict[int, list[int]]
    mentors: list[Mentor]


def plan(session: Session, program: Program, people: PeopleFile) -> Plan:
    """What enrolling the file would do, line by line. Nothing is written."""
    known = _known(session, program, people.rows)
    problems = list(people.problems)
    steps = []
    # Mentors first, so that a mentee may be matched with one from the same file.
    for row in sorted(people.rows, key=lambda row: row.role is Role.MENTEE):
        step = _step(row, known)
        if isinstance(step, Problem):
            problems.append(step)
            continue
        steps.append(step)
        if row.role is not Role.MENTEE:
            known.mentors[:] = [one for one in known.mentors if one.phone != row.phone]
            known.mentors.append(Mentor(row.name, row.phone, step.person))
    return Plan(tuple(steps), tuple(sorted(problems, key=lambda problem: problem.line)))


def _known(session: Session, program: Program, rows: list[Row]) -> _Known:
    # Names are encrypted, so they are compared here and not by the database.
    here = session.scalars(select(Person).where(Person.program_id == program.id)).all()
    wanted = {phone_index(row.phone): row.phone for row in rows}
    elsewhere = session.scalars(
        select(Person.phone_index).where(
            Person.program_id != program.id, Person.phone_index.in_(wanted)
        )
    )
    taken = {wanted[index] for index in elsewhere if index is not None}
    lines = session.scalars(select(Program.phone).where(Program.phone.is_not(None)))
    matches: dict[int, list[int]] = {}
    for match in session.scalars(
        select(Match)
        .join(Person, Person.id == Match.mentee_id)
        .where(Person.program_id == program.id)
        .order_by(Match.kind != MatchKind.OWN, Match.id)
    ):
        matches.setdefault(match.mentee_id, []).append(match.mentor_id)
    return _Known(
        {person.phone: person for person in here if person.phone},
        frozenset(taken | {phone for phone in lines if phone}),
        matches,
        [
            Mentor(person.name, person.phone, person)
            for person in here
            if person.role is not Role.MENTEE and person.left_at is None
        ],
    )


def _step(row: Row, known: _Known) -> Step | Problem:
    if row.phone in known.taken_elsewhere:
        return Problem(row.line, NOT_HERE)
    person = known.people.get(row.phone)
    if person is not None and person.role is not row.role:
        return Problem(
            row.line,
            phrase(
                "the phone number is enrolled as a {role}, not a {given}",
                role=phrase(person.role.value),
                given=phrase(row.role.value),
            ),
        )
    mentors = []
    for named in row.mentors:
        found = _named(named, known.mentors)
        if not found:
            return Problem(
                row.line,
                phrase("there is no mentor {named!r}; enroll them first or as well", named=named),
            )
        if len(found) > 1:
            return Problem(
                row.line,
                phrase("{named!r} is the name of several mentors; write the number", named=named),
            )
        if found[0] not in mentors:
            mentors.append(found[0])
    if person is None:
        return Step(row, Doing.ADDS, None, tuple(mentors))
    changes = _changes(row, person, mentors, known)
    if person.left_at is not None:
        doing = Doing.BRINGS_BACK
    else:
        doing = Doing.CHANGES if changes else Doing.LEAVES
    return Step(row, doing, person, tuple(mentors), changes)


def _named(named: str, mentors: list[Mentor]) -> list[Mentor]:
    number = as_e164(named)
    by_number = [one for one in mentors if number and one.phone == number]
    return by_number or [one for one in mentors if one.name.casefold() == named.casefold()]


def _changes(row: Row, person: Person, mentors: list[Mentor], known: _Known) -> tuple[str, ...]:
    changes: list[str] = []
    if person.name != row.name:
        changes.append(phrase("name was {name}", name=person.name))
    if row.says_timezone and person.timezone != row.timezone:
        changes.append(phrase("time zone was {zone}", zone=person.timezone))
    if row.language and known_language(person.language) != row.language:
        changes.append(phrase("language was {language}", language=language_name(person.language)))
    matched = known.matches.get(person.id, [])
    if mentors and [one.person.id if one.person else None for one in mentors] != matched:
        changes.append(gettext_noop("mentors change"))
    return tuple(changes)


# --- enrolling ---


def enroll(
    session: Session, program: Program, people: PeopleFile, *, now: datetime
) -> list[Person]:
    """Enroll every good row, or bring up to date whoever has that number already.

    Rows that turn out bad here (an unknown mentor, a changed role) are added to
    `people.problems`. The caller commits, or rolls back when none should be kept.
    """
    # One writer to a program at a time, so that a file sent twice is enrolled once.
    lock_program(session, program.id)
    planned = plan(session, program, people)
    people.problems = list(planned.problems)
    return carry_out(session, program, planned, now=now)


def carry_out(session: Session, program: Program, planned: Plan, *, now: datetime) -> list[Person]:
    """Do what was planned; the people of its steps, in their order.

    The caller has held the program since before it was planned.
    """
    by_phone: dict[str, Person] = {}
    enrolled = []
    for step in planned.steps:
        person = _person(session, program, step, now=now)
        by_phone[step.row.phone] = person
        if step.mentors and step.doing is not Doing.LEAVES:
            match(
                session,
                person,
                [one.person or by_phone[one.phone or ""] for one in step.mentors],
            )
        enrolled.append(person)
    return enrolled


def _person(session: Session, program: Program, step: Step, *, now: datetime) -> Person:
    row, person = step.row, step.person
    if person is None:
        person = Person(
            program=program,
            role=row.role,
            name=row.name,
            phone=row.phone,
            phone_index=phone_index(row.phone),
            timezone=row.timezone,
            language=row.language or DEFAULT_LANGUAGE,
            enrolled_at=now,
        )
        session.add(person)
        session.flush()
        adopt_stranger(session, person)
        return person
    person.name, person.left_at = row.name, None
    if row.says_timezone:
        person.timezone = row.timezone
    if row.language:
        person.language = row.language
    session.flush()
    return person


def adopt_stranger(session: Session, person: Person) -> None:
    """What they wrote to this program before they were enrolled becomes their own thread."""
    thread = session.scalar(
        select(Conversation).where(
            Conversation.stranger_index == person.phone_index,
            Conversation.program_id == person.program_id,
        )
    )
    if thread is not None:
        thread.stranger_phone = thread.stranger_index = None
        thread.person = person
        session.flush()


def match(session: Session, mentee: Person, mentors: Sequence[Person]) -> None:
    """Match a mentee with these and no others: the first is their own mentor, then back-ups."""
    for former in session.scalars(select(Match).where(Match.mentee_id == mentee.id)):
        session.delete(former)
    session.flush()
    for place, mentor in enumerate(mentors):
        kind = MatchKind.OWN if place == 0 else MatchKind.BACK_UP
        session.add(Match(mentee_id=mentee.id, mentor_id=mentor.id, kind=kind))
    session.flush()
