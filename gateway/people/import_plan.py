"""What enrolling a people file would do, line by line. Nothing is written here.

The command line and the managers' page show the same plan, and enrollment.py carries it out.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, language_name, phrase
from escalation.speech.i18n import known as known_language
from escalation.speech.names import with_name
from gateway.people.details.refusals import BadDetails
from gateway.people.details.row import Row, check_name
from gateway.people.details.time_zones import region_of
from gateway.people.people_file.reading import PeopleFile, Problem
from gateway.runtime.user_input import as_e164
from models import Match, MatchKind, Person, Program, Role, phone_index

# The same sentence for every number that is in use where the reader may not look.
PHONE_IN_USE = gettext_noop("this phone number cannot be used here; check it, or ask your operator")


class Effect(StrEnum):
    """What enrolling a line would do."""

    ADDS = "adds"
    CHANGES = "changes"
    BRINGS_BACK = "brings back"
    LEAVES = "leaves as they are"


VERBS = {
    Effect.ADDS: "add",
    Effect.CHANGES: "change",
    Effect.BRINGS_BACK: "bring back",
    Effect.LEAVES: "no change for",
}


@dataclass(frozen=True)
class Mentor:
    """A mentor to match a mentee with: already enrolled, or on another line of the file."""

    name: str
    phone: str | None
    person: Person | None


@dataclass(frozen=True)
class Step:
    """A valid line and its effect. `changes` are phrases such as "name was Maja"."""

    row: Row
    effect: Effect
    person: Person | None
    mentors: tuple[Mentor, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    @property
    def to_do(self) -> list[Step]:
        return [step for step in self.steps if step.effect is not Effect.LEAVES]

    def count(self, effect: Effect) -> int:
        return sum(step.effect == effect for step in self.steps)


@dataclass(frozen=True)
class _Known:
    """What the database has about the people of one file."""

    people: dict[str, Person]
    taken_elsewhere: frozenset[str]
    matches: dict[int, list[int]]
    mentors: list[Mentor]


def plan(session: Session, program: Program, people: PeopleFile) -> Plan:
    known = _known(session, program, people.rows)
    problems = list(people.problems)
    steps = []
    # Mentors first, so that a mentee can be matched with one from the same file.
    for row in sorted(people.rows, key=lambda row: row.role is Role.MENTEE):
        try:
            check_name(row.name, program.name)
            step = _step(row, known)
        except BadDetails as bad:
            problems.append(Problem(row.line, bad.reason, row.name))
            continue
        steps.append(step)
        if row.role is not Role.MENTEE:
            known.mentors[:] = [one for one in known.mentors if one.phone != row.phone]
            known.mentors.append(Mentor(row.name, row.phone, step.person))
    return Plan(tuple(steps), tuple(sorted(problems, key=lambda problem: problem.line)))


def _known(session: Session, program: Program, rows: list[Row]) -> _Known:
    # Names are encrypted in the database, so they are compared here.
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


def _step(row: Row, known: _Known) -> Step:
    """Raises BadDetails."""
    if row.phone in known.taken_elsewhere:
        raise BadDetails(PHONE_IN_USE)
    person = known.people.get(row.phone)
    if person is not None and person.role is not row.role:
        raise BadDetails(
            phrase(
                "this phone number is enrolled as a {role}, not a {given}",
                role=phrase(person.role.value),
                given=phrase(row.role.value),
            )
        )
    # Each mentor once, in the order of the file.
    mentors = list(dict.fromkeys(_find_mentor(named, row, known.mentors) for named in row.mentors))
    if person is None:
        return Step(row, Effect.ADDS, None, tuple(mentors))
    changes = _changes(row, person, mentors, known)
    if person.left_at is not None:
        effect = Effect.BRINGS_BACK
    else:
        effect = Effect.CHANGES if changes else Effect.LEAVES
    return Step(row, effect, person, tuple(mentors), changes)


def _find_mentor(named: str, row: Row, mentors: list[Mentor]) -> Mentor:
    numbers = {as_e164(named), as_e164(named, region_of(row.timezone))}
    found = [one for one in mentors if one.phone in numbers - {None}]
    found = found or with_name(named, mentors)
    if not found:
        raise BadDetails(
            phrase("no mentor is named {named!r}; enroll them first or in this file", named=named)
        )
    if len(found) > 1:
        raise BadDetails(
            phrase("several mentors are named {named!r}; use the phone number", named=named)
        )
    return found[0]


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


def step_in_words(step: Step) -> str:
    """A line of the plan for the command line, such as "change mentee Maya: name was Maja"."""
    row, verb = step.row, VERBS[step.effect]
    words = f"{verb} {row.role.value} {row.name} {row.phone}, {row.timezone}"
    if step.mentors:
        words += f", with {' / '.join(mentor.name for mentor in step.mentors)}"
    return f"{words} ({'; '.join(map(str, step.changes))})" if step.changes else words
