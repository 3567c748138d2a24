"""The managers' list of handoffs, with its filters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from gateway.runtime.labels import unknown_number
from gateway.runtime.sql_time import first_alert_at, first_claim_at
from models import (
    Alert,
    Conversation,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Need,
    Outcome,
    Person,
    Program,
    Status,
    Urgency,
)


@dataclass(frozen=True)
class Row:
    """One handoff. `*_after` counts from its opening and is None until it happens.

    `first_alert_after` is when the provider accepted the first text to a mentor.
    """

    number: int
    opened_at: datetime
    mentee: str
    need: Need
    urgency: Urgency
    status: Status
    holder: str | None
    first_alert_after: timedelta | None
    claimed_after: timedelta | None
    first_reply_after: timedelta | None
    closed_at: datetime | None
    outcome: Outcome | None
    timezone: str


class Unreached(StrEnum):
    """What never happened: a delivered text to a mentor, a claim, a reply from a person."""

    PHONES = "phones"
    TAKEN = "taken"
    WORDS = "words"


@dataclass(frozen=True)
class HandoffFilter:
    """None matches everything. `until` is exclusive. `mentor_id` matches every past holder."""

    since: datetime | None = None
    until: datetime | None = None
    mentor_id: int | None = None
    need: Need | None = None
    urgency: Urgency | None = None
    outcome: Outcome | None = None
    unreached: Unreached | None = None
    only_open: bool = False


ALL_HANDOFFS = HandoffFilter()


def find_handoffs(
    session: Session,
    program_id: int | None = None,
    wanted: HandoffFilter = ALL_HANDOFFS,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[Row]:
    """The matching handoffs of one program, or of all programs, newest first."""
    # Choosing the rows first spares looking up the times of those that the offset skips.
    chosen = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*_conditions(program_id, wanted))
        .order_by(Handoff.id.desc())
        .limit(limit)
        .offset(offset)
    )
    mentor = aliased(Person)
    rows = session.execute(
        select(
            Handoff.id,
            Handoff.opened_at,
            Person.name.label("mentee"),
            Conversation.stranger_phone,
            Handoff.need,
            Handoff.urgency,
            Handoff.status,
            mentor.name.label("holder"),
            first_alert_at().label("first_alert"),
            first_claim_at().label("first_claim"),
            Handoff.first_reply_at,
            Handoff.closed_at,
            Handoff.outcome,
            Program.timezone,
        )
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .join(Program, Program.id == Conversation.program_id)
        .outerjoin(Person, Person.id == Conversation.person_id)
        .outerjoin(mentor, mentor.id == Handoff.mentor_id)
        .where(*_conditions(program_id, wanted) if limit is None else [Handoff.id.in_(chosen)])
        .order_by(Handoff.id.desc())
    )
    return [_row(row) for row in rows]


def _row(row: Any) -> Row:
    return Row(
        number=row.id,
        opened_at=row.opened_at,
        mentee=row.mentee or unknown_number(row.stranger_phone),
        need=row.need,
        urgency=row.urgency,
        status=row.status,
        holder=row.holder,
        first_alert_after=row.first_alert and row.first_alert - row.opened_at,
        claimed_after=row.first_claim and row.first_claim - row.opened_at,
        first_reply_after=row.first_reply_at and row.first_reply_at - row.opened_at,
        closed_at=row.closed_at,
        outcome=row.outcome,
        timezone=row.timezone,
    )


def count_handoffs(session: Session, program_id: int, wanted: HandoffFilter = ALL_HANDOFFS) -> int:
    found = session.scalar(
        select(func.count())
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*_conditions(program_id, wanted))
    )
    return found or 0


def _conditions(program_id: int | None, wanted: HandoffFilter) -> list[ColumnElement[bool]]:
    equal: list[tuple[InstrumentedAttribute[Any], object]] = [
        (Conversation.program_id, program_id),
        (Handoff.need, wanted.need),
        (Handoff.urgency, wanted.urgency),
        (Handoff.outcome, wanted.outcome),
    ]
    conditions = [column == value for column, value in equal if value is not None]
    if wanted.since is not None:
        conditions.append(Handoff.opened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Handoff.opened_at < wanted.until)
    if wanted.mentor_id is not None:
        conditions.append(_claims().where(HandoffEvent.by_id == wanted.mentor_id).exists())
    if wanted.only_open:
        conditions.append(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
    if wanted.unreached is Unreached.PHONES:
        conditions.append(~_alerts_delivered().exists())
    elif wanted.unreached is Unreached.TAKEN:
        conditions.append(~_claims().exists())
    elif wanted.unreached is Unreached.WORDS:
        conditions.append(Handoff.first_reply_at.is_(None))
    return conditions


def _claims() -> Select[int]:
    return (
        select(HandoffEvent.id)
        .where(HandoffEvent.handoff_id == Handoff.id, HandoffEvent.move == Move.CLAIM)
        .correlate(Handoff)
    )


def _alerts_delivered() -> Select[int]:
    return (
        select(Alert.id)
        .join(Message, Message.id == Alert.message_id)
        .where(Alert.handoff_id == Handoff.id, Message.delivery == Delivery.DELIVERED)
        .correlate(Handoff)
    )
