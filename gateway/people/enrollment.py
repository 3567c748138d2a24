"""Enrolling people: one by a manager or the API, many from a file."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, joined, phrase
from gateway.people.details.refusals import BadDetails, CannotChange
from gateway.people.details.row import Details, Row, check_details
from gateway.people.import_plan import Effect, Plan, Step, plan
from gateway.people.people_file.reading import PeopleFile
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from models import Conversation, Match, MatchKind, Person, Program, Role, phone_index


def add_person(
    session: Session,
    program: Program,
    details: Details,
    *,
    own: Person | None,
    by: Person,
    now: datetime,
) -> Person:
    """Enroll one person, with `own` as a mentee's own mentor.

    Raises:
        CannotChange: something is missing or wrong, or the number is in use.
    """
    row = check_details(details, default_timezone=program.timezone)
    if own is not None and row.role is not Role.MENTEE:
        raise CannotChange(gettext_noop("Only a mentee has a mentor. Leave the mentor empty."))
    # Before anything is read, so that a second click waits for the first.
    lock_program(session, program.id)
    planned = _refuse_taken(session, program, row)
    [person] = carry_out(session, program, planned, now=now)
    if own is not None:
        match(session, person, [own])
    note_about(session, person, "person added", by=by, now=now, role=row.role.value)
    return person


def _refuse_taken(session: Session, program: Program, row: Row) -> Plan:
    planned = plan(session, program, PeopleFile(rows=[row]))
    known = session.scalar(select(Person).where(Person.phone_index == phone_index(row.phone)))
    if known is not None and known.program_id == program.id:
        has_it = phrase("{name} already has that number.", name=known.name)
        left = phrase("They left; bring them back on their page.")
        raise CannotChange(joined((has_it, left), " ") if known.left_at else has_it)
    if planned.problems:
        raise BadDetails(planned.problems[0].reason)
    return planned


def enroll(
    session: Session,
    program: Program,
    people: PeopleFile,
    *,
    by: Person | None = None,
    now: datetime,
) -> tuple[Plan, list[Person]]:
    """Enroll the valid lines of a file, and update the people who already have their numbers.

    Returns what was done, and the people of its steps. The plan's problems include lines that the
    database rules out. Changes by a manager (`by`) go into the audit log. The caller commits.
    """
    # Before anything is read, so that a file sent twice is enrolled once.
    lock_program(session, program.id)
    planned = plan(session, program, people)
    enrolled = carry_out(session, program, planned, now=now)
    for step, person in zip(planned.steps, enrolled, strict=True):
        if by is not None and step.effect is not Effect.LEAVES:
            note_about(session, person, "person imported", by=by, now=now, doing=step.effect.value)
    return planned, enrolled


def who_signs_in_now(planned: Plan, enrolled: Sequence[Person]) -> list[Person]:
    """The mentors and managers whom `enroll` enrolled or brought back."""
    return [
        person for step, person in zip(planned.steps, enrolled, strict=True) if is_sign_in(step)
    ]


def is_sign_in(step: Step) -> bool:
    """Whether a line lets somebody sign in as a mentor or manager who could not before."""
    anew = step.effect in (Effect.ADDS, Effect.BRINGS_BACK)
    return anew and step.row.role is not Role.MENTEE


def carry_out(session: Session, program: Program, planned: Plan, *, now: datetime) -> list[Person]:
    """Write what was planned; returns the people of its steps, in order.

    The caller has locked the program since before planning.
    """
    by_phone: dict[str, Person] = {}
    enrolled = []
    for step in planned.steps:
        person = _person(session, program, step, now=now)
        by_phone[step.row.phone] = person
        if step.mentors and step.effect is not Effect.LEAVES:
            mentors = [one.person or by_phone[one.phone or ""] for one in step.mentors]
            match(session, person, mentors)
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
    """Give a person the thread of what they wrote before they were enrolled."""
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
    """Replace a mentee's matches: the first is their own mentor, the others are back-ups."""
    for former in session.scalars(select(Match).where(Match.mentee_id == mentee.id)):
        session.delete(former)
    session.flush()
    for place, mentor in enumerate(mentors):
        kind = MatchKind.OWN if place == 0 else MatchKind.BACK_UP
        session.add(Match(mentee_id=mentee.id, mentor_id=mentor.id, kind=kind))
    session.flush()
