"""What needs a manager's attention: unknown numbers, unreachable people, inactive mentees."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import phrase
from gateway.runtime.labels import masked
from models import Conversation, Message, Person, Program, Role, Speaker


@dataclass(frozen=True)
class UnknownNumber:
    """A number that texted and is not enrolled; only its last digits."""

    number: str
    last_at: datetime
    messages: int


def list_unknown_numbers(session: Session, program: Program) -> list[UnknownNumber]:
    """The latest first."""
    latest = func.max(Message.at)
    wrote = session.execute(
        select(Conversation.stranger_phone, latest, func.count())
        .join(Message, Message.conversation_id == Conversation.id)
        .where(
            Conversation.program_id == program.id,
            Conversation.person_id.is_(None),
            Message.outgoing.is_(False),
        )
        .group_by(Conversation.id, Conversation.stranger_phone)
        .order_by(latest.desc())
    )
    return [UnknownNumber(masked(phone), at, count) for phone, at, count in wrote]


def list_unreachable(session: Session, program: Program) -> list[tuple[Person, str]]:
    """Enrolled people no text can reach, and why."""
    people = session.scalars(
        select(Person)
        .where(
            Person.program_id == program.id,
            Person.left_at.is_(None),
            Person.phone.is_(None)
            | Person.opted_out_at.is_not(None)
            | Person.unreachable_code.is_not(None),
        )
        .order_by(Person.id)
    )
    return [(person, _why_unreachable(person)) for person in people]


def _why_unreachable(person: Person) -> str:
    if person.phone is None:
        return phrase("no phone number")
    if person.opted_out_at is not None:
        return phrase("opted out (STOP)")
    return phrase("texts to this number fail (error {code})", code=person.unreachable_code)


@dataclass(frozen=True)
class InactiveMentee:
    """`last_at` is None for a mentee who never wrote."""

    mentee: str
    last_at: datetime | None


def inactive_mentees(session: Session, program_id: int, *, since: datetime) -> list[InactiveMentee]:
    """Mentees enrolled before `since` who have not written since, the longest inactive first."""
    theirs = (
        select(Message.at)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.person_id == Person.id, Message.speaker == Speaker.MENTEE)
        .correlate(Person)
    )
    last_at = theirs.with_only_columns(func.max(Message.at)).scalar_subquery()
    inactive = session.execute(
        select(Person.name, last_at.label("last_at"))
        .where(
            Person.program_id == program_id,
            Person.role == Role.MENTEE,
            Person.left_at.is_(None),
            Person.enrolled_at < since,
            ~theirs.where(Message.at >= since).exists(),
        )
        .order_by(last_at.is_not(None), last_at, Person.id)
    )
    return [InactiveMentee(name, at) for name, at in inactive]
