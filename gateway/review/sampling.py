"""The random sample of conversations that managers review each week, and what happened in them.

Verdicts on handoffs cannot show whom Warmline missed, so the sample is drawn from conversations
without a handoff.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from gateway.handoffs.decisions import highlight_evidence, highlight_spans
from gateway.handoffs.entries import Entry, Kind, decision_entry
from gateway.runtime.labels import delivery_status, display_name
from models import Conversation, DecisionRecord, Handoff, Message, Program, Speaker

_WEEK = re.compile(r"(\d{4})-W(\d\d)")


@dataclass(frozen=True)
class Week:
    """An ISO week in a time zone, half-open: from Monday 0:00 up to but not at the next."""

    monday: date
    timezone: str

    @property
    def name(self) -> str:
        """As ISO 8601 writes it: 2026-W45."""
        year, week, _ = self.monday.isocalendar()
        return f"{year:04}-W{week:02}"

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.monday, time(), ZoneInfo(self.timezone))

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.monday + timedelta(days=7), time(), ZoneInfo(self.timezone))


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
    written = _WEEK.fullmatch(name)
    if written is None:
        return None
    try:
        monday = date.fromisocalendar(int(written[1]), int(written[2]), 1)
        # The calendar's first and last days have no neighbors in every time zone.
        return Week(monday, program.timezone) if 1 < monday.year < 9999 else None
    except ValueError:
        return None


def draw(week: str, conversations: Iterable[int], size: int) -> list[int]:
    """A uniform sample of the conversations, in the order drawn.

    Ordered by the SHA-256 of week and conversation instead of a random number, so that every
    manager gets the same sample on each reload and cannot draw until they like it. The week is
    part of it so that each week draws different mentees.
    """
    return sorted(conversations, key=lambda conversation: _lot(week, conversation))[:size]


def _lot(week: str, conversation: int) -> bytes:
    return hashlib.sha256(f"{week} {conversation}".encode()).digest()


def draw_sample(session: Session, program: Program, week: Week, size: int) -> list[NotHandedOver]:
    """The conversations of that week to review, in the order drawn."""
    weeks = {one.conversation_id: one for one in not_handed_over(session, program, week)}
    return [weeks[drawn] for drawn in draw(week.name, weeks, size)]


def not_handed_over(session: Session, program: Program, week: Week) -> list[NotHandedOver]:
    """Conversations in which a mentee wrote that week and no handoff was open at any time."""
    was_open = (
        select(Handoff.id)
        .where(
            Handoff.conversation_id == Message.conversation_id,
            Handoff.opened_at < week.ends_at,
            Handoff.closed_at.is_(None) | (Handoff.closed_at >= week.starts_at),
        )
        .exists()
    )
    rows = session.execute(
        select(Message.conversation_id, func.max(Message.id), func.count())
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Message.speaker == Speaker.MENTEE,
            _within(week),
            ~was_open,
        )
        .group_by(Message.conversation_id)
        .order_by(Message.conversation_id)
    )
    return [NotHandedOver(*row) for row in rows]


def what_happened(session: Session, conversation: Conversation, week: Week) -> list[Entry]:
    """Each message of the week, followed by its decision."""
    rows = session.execute(_said(conversation, week)).all()
    steps = [step for message, record in rows for step in _steps(conversation, message, record)]
    before = [*steps[:1], *steps]
    return [
        replace(step, after=max(step.at - earlier.at, timedelta()))
        for step, earlier in zip(steps, before, strict=False)
    ]


def _said(conversation: Conversation, week: Week) -> Select[Message, DecisionRecord | None]:
    return (
        select(Message, DecisionRecord)
        .outerjoin(DecisionRecord, DecisionRecord.message_id == Message.id)
        .where(Message.conversation_id == conversation.id, _within(week))
        .order_by(Message.id)
    )


def _steps(
    conversation: Conversation, message: Message, record: DecisionRecord | None
) -> list[Entry]:
    plain = highlight_spans(message.words, [])
    if message.outgoing:
        speaker = "The bot" if message.speaker is Speaker.BOT else message.speaker_name
        what = f"{speaker} wrote: {delivery_status(message)}"
        return [Entry(message.at, Kind.REPLIED, what, quote=plain)]
    what = f"{display_name(conversation)} wrote"
    if record is None:
        return [Entry(message.at, Kind.WROTE, what, quote=plain)]
    quote = highlight_evidence(record, message.words)
    return [Entry(message.at, Kind.WROTE, what, quote=quote), decision_entry(record)]


def _within(week: Week) -> ColumnElement[bool]:
    return (Message.at >= week.starts_at) & (Message.at < week.ends_at)
