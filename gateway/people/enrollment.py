"""Enrolling people: one by a manager or the API, many from a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from escalation.speech.i18n import DEFAULT_LANGUAGE, gettext_noop, joined, phrase, with_capital
from escalation.transaction import Transaction
from gateway.accounts.notices import tell_of_change, tell_of_new_sign_in
from gateway.accounts.sessions import end_access
from gateway.people.details.refusals import BadDetails, CannotChange
from gateway.people.details.row import Details, Row, check_details
from gateway.people.membership import end_membership, give_number, match
from gateway.people.people_file.import_plan import Effect, Plan, Step, plan
from gateway.people.people_file.reading import PeopleFile
from gateway.people.questions import NO_ANSWERS, Answer, Question
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from models import Person, Program, Role


class Asks(CannotChange):
    """Who is meant is not clear. `question` has the answers that are possible."""

    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(with_capital(question.words))


def add_person(
    session: Session,
    program: Program,
    details: Details,
    *,
    own: Person | None,
    by: Person | None,
    now: datetime,
    answer: Answer | None = None,
) -> Person:
    """Enroll one person, with `own` as a mentee's own mentor.

    This changes nobody who is enrolled, except that with the answer NEW the former owner of the
    number leaves.

    Raises:
        CannotChange: something is missing or wrong, or the number is in use.
        Asks: the number or the name is somebody's already, and `answer` does not say who is meant.
    """
    row = check_details(details, default_timezone=program.timezone)
    if own is not None and row.role is not Role.MENTEE:
        raise CannotChange(gettext_noop("Only a mentee has a mentor. Leave the mentor empty."))
    # Before anything is read, so that a second click waits for the first.
    lock_program(session, program.id)
    planned = _plan_one(session, program, row, answer)
    [person] = carry_out(session, program, planned, by=by, now=now)
    if own is not None:
        match(session, person, [own])
    note_about(session, person, "person added", by=by, now=now, role=row.role.value)
    return person


def _plan_one(session: Session, program: Program, row: Row, answer: Answer | None) -> Plan:
    answers = {row.line: answer} if answer is not None and answer is not Answer.SAME else {}
    planned = plan(session, program, PeopleFile(rows=[row]), answers)
    if planned.problems:
        raise BadDetails(planned.problems[0].reason)
    if planned.questions:
        raise Asks(planned.questions[0])
    known = planned.steps[0].person
    if known is not None:
        has_it = phrase("{name} already has that number.", name=known.name)
        left = phrase("They left; bring them back on their page.")
        raise CannotChange(joined((has_it, left), " ") if known.left_at else has_it)
    return planned


def enroll(
    session: Session,
    program: Program,
    people: PeopleFile,
    *,
    by: Person | None = None,
    now: datetime,
    answers: Mapping[int, Answer] = NO_ANSWERS,
) -> tuple[Plan, list[Person]]:
    """Enroll the valid lines of a file, and update the people who already have their numbers.

    `answers` say, by line, who is meant where that is not clear. A line without one is left out.

    Returns what was done, and the people of its steps. The plan's problems include lines that the
    database rules out. Changes by a manager (`by`) go into the audit log. The caller commits.
    """
    # Before anything is read, so that a file sent twice is enrolled once.
    lock_program(session, program.id)
    planned = plan(session, program, people, answers)
    enrolled = carry_out(session, program, planned, by=by, now=now)
    for step, person in zip(planned.steps, enrolled, strict=True):
        if by is not None and step.effect is not Effect.LEAVES:
            note_about(session, person, "person imported", by=by, now=now, doing=step.effect.value)
    return planned, enrolled


def tell_of_sign_ins(tx: Transaction, planned: Plan, enrolled: Sequence[Person]) -> None:
    """Text the managers about new ways to sign in, and each old number that was replaced."""
    done = list(zip(planned.steps, enrolled, strict=True))
    anew = (Effect.ADDS, Effect.BRINGS_BACK)
    new = [person for step, person in done if is_sign_in(step) and step.effect in anew]
    tell_of_new_sign_in(tx, new)
    for step, person in done:
        if step.old_phone is not None:
            tell_of_change(tx, person, old_phone=step.old_phone)


def is_sign_in(step: Step) -> bool:
    """Whether a line lets somebody sign in as a mentor or manager who could not before."""
    anew = step.effect in (Effect.ADDS, Effect.BRINGS_BACK) or step.moves
    return anew and step.row.role is not Role.MENTEE


def carry_out(
    session: Session, program: Program, planned: Plan, *, by: Person | None, now: datetime
) -> list[Person]:
    """Write what was planned; returns the people of its steps, in order.

    The caller has locked the program since before planning.
    """
    by_phone: dict[str, Person] = {}
    enrolled = []
    for step in planned.steps:
        if step.former is not None:
            _take_number_from(session, step.former, by=by, now=now)
        person = _person(session, program, step, by_phone, now=now)
        if person.shares_phone_with_id is None:
            by_phone[step.row.phone] = person
        if step.mentors and step.effect is not Effect.LEAVES:
            mentors = [one.person or by_phone[one.phone or ""] for one in step.mentors]
            match(session, person, mentors)
        enrolled.append(person)
    return enrolled


def _take_number_from(
    session: Session, former: Person, *, by: Person | None, now: datetime
) -> None:
    """The former owner leaves. Their thread stays theirs, and unsent texts are not sent."""
    had_left = former.left_at is not None
    end_membership(session, former, now=now)
    former.phone = former.phone_index = None
    session.flush()
    if not had_left:
        note_about(session, former, "person left", by=by, now=now)


def _person(
    session: Session,
    program: Program,
    step: Step,
    by_phone: Mapping[str, Person],
    *,
    now: datetime,
) -> Person:
    row, person = step.row, step.person
    if person is None:
        person = Person(
            program=program,
            role=row.role,
            name=row.name,
            timezone=row.timezone,
            language=row.language or DEFAULT_LANGUAGE,
            enrolled_at=now,
        )
        session.add(person)
        if step.shares:
            person.shares_phone_with = step.shares_with or by_phone[row.phone]
            session.flush()
        else:
            give_number(session, person, row.phone)
        return person
    person.name, person.left_at = row.name, None
    if step.moves:
        give_number(session, person, row.phone)
        end_access(session, person)
    if row.says_timezone:
        person.timezone = row.timezone
    if row.language:
        person.language = row.language
    session.flush()
    return person
