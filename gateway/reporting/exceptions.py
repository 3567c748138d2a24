"""What a manager should look at: unknown numbers, people without texts, inactive mentees."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import phrase
from gateway.runtime.labels import masked
from models import Conversation, Message, Person, Program, Role, Speaker


@dataclass(frozen=True)
class Stranger:
    """A number that nobody enrolled and that wrote."""

    number: str
    last_at: datetime
    messages: int


def list_unknown_numbers(session: Session, program: Program) -> list[Stranger]:
    """The numbers that nobody enrolled and that wrote, the latest first."""
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
    return [Stranger(masked(phone), at, count) for phone, at, count in wrote]


def not_textable(session: Session, program: Program) -> list[tuple[Person, str]]:
    """Whom no text can reach, and why; who left is not looked for."""
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
        return phrase("no number is kept")
    if person.opted_out_at is not None:
        return phrase("texted STOP, or the carrier said so")
    return phrase("the number cannot be texted (code {code})", code=person.unreachable_code)


@dataclass(frozen=True)
class Inactive:
    """A mentee who wrote nothing for long; `last_at` is None for one who never did."""

    mentee: str
    last_at: datetime | None


def inactive_mentees(session: Session, program_id: int, *, since: datetime) -> list[Inactive]:
    """Who has written nothing since then and was enrolled by then, the longest silent first."""
    last_at = (
        select(func.max(Message.at))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.person_id == Person.id, Message.speaker == Speaker.MENTEE)
        .correlate(Person)
        .scalar_subquery()
    )
    wrote = (
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.person_id == Person.id,
            Message.speaker == Speaker.MENTEE,
            Message.at >= since,
        )
        .correlate(Person)
    )
    silent = session.execute(
        select(Person.name, last_at.label("last_at"))
        .where(
            Person.program_id == program_id,
            Person.role == Role.MENTEE,
            Person.left_at.is_(None),
            Person.enrolled_at < since,
            ~wrote.exists(),
        )
        .order_by(last_at.is_not(None), last_at, Person.id)
    )
    return [Inactive(name, at) for name, at in silent]
