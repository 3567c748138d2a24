"""Changing people who are enrolled: their details and mentors, leaving and coming back.

The audit log says which fields changed, never their contents.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation, release
from escalation.handoffs.transfers import answer_transfer, transfers_offered_to
from escalation.speech.i18n import gettext_noop, phrase
from escalation.speech.i18n import known as known_language
from gateway.accounts.sessions import end_access
from gateway.people.details.refusals import BadDetails, CannotChange
from gateway.people.details.row import Details, check_details, check_name
from gateway.people.directory import list_mentors, list_open_handoffs, phone_in_use
from gateway.people.membership import (
    end_membership,
    give_number,
    match,
    open_handoff_sentence,
)
from gateway.people.people_file.import_plan import PHONE_IN_USE
from gateway.runtime.audit import note_about
from gateway.runtime.database import lock_program
from gateway.runtime.line import Line
from models import (
    Person,
    Program,
    Role,
    phone_index,
)

# The fields that decide how somebody signs in, and as what.
SIGN_IN_FIELDS = frozenset({"phone", "role"})


def change_person(
    session: Session, person: Person, details: Details, *, by: Person, now: datetime
) -> list[str]:
    """Update a person's details; returns the names of the changed fields.

    A new number or role ends every session, link, and code of the person.

    An empty language or time zone stays as it was. A new number counts as reachable until a text
    fails. An opt-out stays: only the person can undo it, by texting START.

    Raises:
        CannotChange: something is wrong, or the number is in use.
    """
    row = check_details(details, default_timezone=person.timezone)
    check_name(row.name, session.get_one(Program, person.program_id).name)
    lock_program(session, person.program_id)
    session.refresh(person)
    changed = []
    if row.phone != phone_in_use(person):
        _give_number(session, person, row.phone)
        changed.append("phone")
    if row.role is not person.role:
        _give_role(session, person, row.role, by=by)
        changed.append("role")
    wanted = {"name": row.name, "timezone": row.timezone}
    if row.language and row.language != known_language(person.language):
        wanted["language"] = row.language
    for field, value in wanted.items():
        if getattr(person, field) != value:
            setattr(person, field, value)
            changed.append(field)
    if SIGN_IN_FIELDS & set(changed):
        end_access(session, person)
    session.flush()
    if changed:
        note_about(session, person, "person changed", by=by, now=now, fields=changed)
    return changed


def _give_number(session: Session, person: Person, phone: str) -> None:
    index = phone_index(phone)
    known = session.scalar(select(Person).where(Person.phone_index == index))
    if known is not None and known.program_id == person.program_id:
        raise CannotChange(phrase("{name} already has that number.", name=known.name))
    lines = session.scalar(select(Program.id).where(Program.phone == phone))
    if known is not None or lines is not None:
        raise BadDetails(PHONE_IN_USE)
    give_number(session, person, phone)


def _give_role(session: Session, person: Person, role: Role, *, by: Person) -> None:
    if Role.MENTEE in (person.role, role):
        raise CannotChange(
            gettext_noop(
                "A mentee cannot become a mentor, or the reverse, because their messages stay "
                "theirs. Mark them as left, then enroll them with another number."
            )
        )
    if role is not Role.MANAGER:
        _check_manager_remains(session, person, by=by)
    person.role = role


def match_with(
    session: Session,
    mentee: Person,
    own: Person | None,
    back_ups: Sequence[Person],
    *,
    by: Person,
    now: datetime,
) -> None:
    """Set a mentee's own mentor and back-ups.

    Raises:
        CannotChange: not a mentee, or one who left, or back-ups without an own mentor.
    """
    if mentee.role is not Role.MENTEE:
        sentence = phrase("{name} is not a mentee. Only mentees have mentors.", name=mentee.name)
        raise CannotChange(sentence)
    if mentee.left_at is not None:
        raise CannotChange(phrase("{name} has left. Bring them back first.", name=mentee.name))
    others = [one for one in back_ups if own is None or one.id != own.id]
    if own is None and others:
        raise CannotChange(
            gettext_noop("Choose their own mentor first. Back-ups fill in for that mentor.")
        )
    before = list_mentors(session, mentee)
    if before == (own, others):
        return
    match(session, mentee, [own, *others] if own else [])
    detail = {"own": own.id if own else None, "back_ups": [one.id for one in others]}
    note_about(session, mentee, "person matched", by=by, now=now, **detail)


# --- leaving ---


def leave(session: Session, person: Person, *, line: Line, by: Person, now: datetime) -> None:
    """Mark a person as left: signed out, off duty, unmatched, and without check-ins.

    What a mentor holds goes back to the queue, so that nobody waits for somebody who is gone.

    Raises:
        CannotChange: a mentee has an open handoff, or the program would have no manager.
    """
    if person.left_at is not None:
        return
    handoffs = list_open_handoffs(session, person)
    if handoffs and person.role is Role.MENTEE:
        raise CannotChange(open_handoff_sentence(person, handoffs[0]))
    if person.role is Role.MANAGER:
        _check_manager_remains(session, person, by=by)
    for conversation in sorted(handoff.conversation_id for handoff in handoffs):
        lock_conversation(session, conversation)
    tx = line.at(session)
    for transfer in transfers_offered_to(session, person):
        answer_transfer(tx, transfer, by=person, accept=False)
    end_membership(session, person, now=now)
    note_about(session, person, "person left", by=by, now=now)
    # Listed again: one may have been closed or taken over before the locks.
    session.expire_all()
    for handoff in list_open_handoffs(session, person):
        release(tx, handoff, by=by)


def come_back(session: Session, person: Person, *, by: Person, now: datetime) -> None:
    """Bring a person back, without their former matches, duty and check-ins.

    Raises:
        CannotChange: their data was erased, or somebody else has their number.
    """
    if person.left_at is None:
        return
    if person.erased_at is not None:
        raise CannotChange(
            gettext_noop("This person's data was erased. Enroll them as a new person.")
        )
    if person.phone is None and person.shares_phone_with is None:
        raise CannotChange(
            phrase("{name} has no number any more. Save a new number first.", name=person.name)
        )
    person.left_at = None
    note_about(session, person, "person came back", by=by, now=now)


def _check_manager_remains(session: Session, person: Person, *, by: Person) -> None:
    if person.id == by.id:
        raise CannotChange(gettext_noop("You cannot do this to yourself. Ask another manager."))
    others = session.scalar(
        select(Person.id)
        .where(
            Person.program_id == person.program_id,
            Person.role == Role.MANAGER,
            Person.left_at.is_(None),
            Person.id != person.id,
        )
        .limit(1)
    )
    if person.role is Role.MANAGER and others is None:
        raise CannotChange(
            phrase("{name} is the only manager. Add another manager first.", name=person.name)
        )
