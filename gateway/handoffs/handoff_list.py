"""The managers' list of handoffs, with its filters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

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
    Status,
    Urgency,
)


@dataclass(frozen=True)
class Row:
    """One handoff. `*_after` counts from its opening and is None until it happens.

    `first_alert_after` is when the provider accepted the first text to a mentor.
    """

    handoff: Handoff
    first_alert_after: timedelta | None
    claimed_after: timedelta | None
    first_reply_after: timedelta | None


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
    newest = _matching(program_id, wanted).order_by(Handoff.id.desc())
    chosen = newest.limit(limit).offset(offset)
    found = session.execute(
        select(Handoff, first_alert_at(), first_claim_at())
        .where(Handoff.id.in_(chosen))
        .order_by(Handoff.id.desc())
    )
    rows = []
    for handoff, alerted_at, claimed_at in found:
        times = alerted_at, claimed_at, handoff.first_reply_at
        rows.append(Row(handoff, *(at - handoff.opened_at if at else None for at in times)))
    return rows


def count_handoffs(session: Session, program_id: int, wanted: HandoffFilter = ALL_HANDOFFS) -> int:
    matching = _matching(program_id, wanted).with_only_columns(func.count())
    return session.scalar(matching) or 0


def _matching(program_id: int | None, wanted: HandoffFilter) -> Select[int]:
    claims = exists().where(HandoffEvent.handoff_id == Handoff.id, HandoffEvent.move == Move.CLAIM)
    delivered = exists().where(
        Alert.handoff_id == Handoff.id,
        Message.id == Alert.message_id,
        Message.delivery == Delivery.DELIVERED,
    )
    unreached = {
        Unreached.PHONES: ~delivered,
        Unreached.TAKEN: ~claims,
        Unreached.WORDS: Handoff.first_reply_at.is_(None),
    }
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
        conditions.append(claims.where(HandoffEvent.by_id == wanted.mentor_id))
    if wanted.only_open:
        conditions.append(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
    if wanted.unreached is not None:
        # Where a mentor wrote first, nobody had to be reached.
        conditions += [unreached[wanted.unreached], Handoff.need != Need.MENTOR]
    handoffs = select(Handoff.id).join(Conversation, Conversation.id == Handoff.conversation_id)
    return handoffs.where(*conditions)
