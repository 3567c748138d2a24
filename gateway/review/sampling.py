"""The random sample of conversations that managers review each week, and what happened in them.

Verdicts on handoffs cannot show whom Warmline missed, so the sample is drawn from conversations
without a handoff.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from escalation.speech.i18n import phrase
from gateway.handoffs.decisions import highlight_evidence
from gateway.handoffs.entries import Entry, Kind, decision_entry, with_waits
from gateway.runtime.labels import delivery_status, display_name
from models import Conversation, DecisionRecord, Handoff, Message, Program, Speaker


@dataclass(frozen=True)
class Week:
    """An ISO week in a time zone, half-open: from Monday 0:00 up to but not at the next."""

    monday: date
    timezone: str

    @property
    def name(self) -> str:
        """As ISO 8601 writes it: 2026-W45."""
        return f"{self.monday:%G-W%V}"

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.monday, time(), ZoneInfo(self.timezone))

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.monday + timedelta(days=7), time(), ZoneInfo(self.timezone))

    def has(self, at: InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
        return (at >= self.starts_at) & (at < self.ends_at)


@dataclass(frozen=True)
class NotHandedOver:
    """One week of a conversation in which the mentee wrote and no handoff was open.

    `last_message_id` is the mentee's last message in that week.
    """

    conversation_id: int
    last_message_id: int
    messages: int


def get_week(at: datetime, timezone: str) -> Week:
    there = at.astimezone(ZoneInfo(timezone)).date()
    return Week(there - timedelta(days=there.weekday()), timezone)


def last_full_week(program: Program, *, now: datetime) -> Week:
    this = get_week(now, program.timezone)
    return Week(this.monday - timedelta(days=7), program.timezone)


def week_named(name: str, program: Program) -> Week | None:
    """The reverse of `Week.name`; None if there is no such week."""
    try:
        week = Week(date.fromisoformat(name), program.timezone)
    except ValueError:
        return None
    # The calendar's first and last days have no neighbors in every time zone.
    return week if week.name == name and 1 < week.monday.year < 9999 else None


def draw(week: str, conversations: Iterable[int], size: int) -> list[int]:
    """A uniform sample of the conversations, in the order drawn.

    Ordered by the SHA-256 of week and conversation instead of a random number, so that every
    manager gets the same sample on each reload and cannot draw until they like it. The week is
    part of it so that each week draws different mentees.
    """

    def lot(conversation: int) -> bytes:
        return hashlib.sha256(f"{week} {conversation}".encode()).digest()

    return sorted(conversations, key=lot)[:size]


def draw_sample(session: Session, program: Program, week: Week, size: int) -> list[NotHandedOver]:
    """The conversations of that week to review, in the order drawn."""
    weeks = {one.conversation_id: one for one in not_handed_over(session, program, week)}
    return [weeks[drawn] for drawn in draw(week.name, weeks, size)]


def not_handed_over(session: Session, program: Program, week: Week) -> list[NotHandedOver]:
    """Conversations in which a mentee wrote that week and no handoff was open at any time."""
    was_open = exists().where(
        Handoff.conversation_id == Message.conversation_id,
        Handoff.opened_at < week.ends_at,
        Handoff.closed_at.is_(None) | (Handoff.closed_at >= week.starts_at),
    )
    rows = session.execute(
        select(Message.conversation_id, func.max(Message.id), func.count())
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Message.speaker == Speaker.MENTEE,
            week.has(Message.at),
            ~was_open,
        )
        .group_by(Message.conversation_id)
    )
    return [NotHandedOver(*row) for row in rows]


def what_happened(session: Session, conversation: Conversation, week: Week) -> list[Entry]:
    """Each message of the week, followed by its decision."""
    rows = session.execute(
        select(Message, DecisionRecord)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(Message.conversation_id == conversation.id, week.has(Message.at))
        .order_by(Message.id)
    )
    steps = []
    for message, record in rows:
        kind, what = Kind.WROTE, phrase("{name} wrote", name=display_name(conversation))
        if message.outgoing:
            by_bot = message.speaker is Speaker.BOT
            name = phrase("The bot") if by_bot else message.speaker_name
            status = delivery_status(message)
            kind, what = Kind.REPLIED, phrase("{name} wrote: {status}", name=name, status=status)
        quote = highlight_evidence(record, message.words)
        steps.append(Entry(message.at, kind, what, quote=quote))
        if record is not None:
            steps.append(decision_entry(record))
    return with_waits(steps)
