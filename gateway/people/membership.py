"""What belongs to being in a program: a number, a thread, mentors, and the end of all that."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import Phrase, phrase
from gateway.accounts.notices import TOLD_OLD_NUMBER
from gateway.accounts.sessions import end_access
from models import (
    Conversation,
    DutyOverride,
    DutyShift,
    Handoff,
    Match,
    MatchKind,
    Message,
    Person,
    Schedule,
    phone_index,
)


def give_number(session: Session, person: Person, phone: str) -> None:
    """Give a person a number that nobody has. Whoever held it before wrote in their own thread."""
    person.phone, person.phone_index, person.unreachable_code = phone, phone_index(phone), None
    person.shares_phone_with = None
    session.flush()
    has_thread = session.scalar(select(Conversation.id).where(Conversation.person_id == person.id))
    if has_thread is None:
        adopt_stranger(session, person)


def adopt_stranger(session: Session, person: Person) -> None:
    """Give a person the thread of what they wrote before they were enrolled.

    If the number was somebody else's, that person may have gone on writing from it, so its thread
    stays apart.
    """
    of_another = select(Message.conversation_id).where(Message.script == TOLD_OLD_NUMBER)
    thread = session.scalar(
        select(Conversation).where(
            Conversation.stranger_index == person.phone_index,
            Conversation.program_id == person.program_id,
            Conversation.id.not_in(of_another),
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


def end_membership(session: Session, person: Person, *, now: datetime) -> None:
    """Sign a person out, off duty, unmatched, and without check-ins."""
    person.left_at, person.on_duty = person.left_at or now, False
    matched = or_(Match.mentee_id == person.id, Match.mentor_id == person.id)
    session.execute(delete(Match).where(matched))
    session.execute(delete(DutyShift).where(DutyShift.person_id == person.id))
    session.execute(
        delete(DutyOverride).where(DutyOverride.person_id == person.id, DutyOverride.ends_at > now)
    )
    end_access(session, person)
    for schedule in session.scalars(select(Schedule).where(Schedule.person_id == person.id)):
        schedule.paused = True
    session.flush()


def open_handoff_sentence(mentee: Person, handoff: Handoff) -> Phrase:
    return phrase(
        "{name} still has an open handoff: {codes}. Close it first.",
        name=mentee.name,
        codes=f"#{handoff.id}",
    )
