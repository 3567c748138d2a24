"""The managers' list of handoffs, with its filters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

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
NEWEST_FIRST = (Handoff.opened_at.desc(), Handoff.id.desc())
# Nobody counts further by hand, and counting 100,000 takes longer than reading a page.
MOST_COUNTED = 1000


@dataclass(frozen=True)
class Page:
    """Some handoffs, the newest first, and whether there are newer and older ones."""

    rows: list[Row]
    newer: bool = False
    older: bool = False


def find_handoffs(
    session: Session,
    program_id: int | None = None,
    wanted: HandoffFilter = ALL_HANDOFFS,
    *,
    chosen: list[int] | None = None,
) -> list[Row]:
    """The matching handoffs of one program, or of all programs, newest first."""
    which = _matching(program_id, wanted) if chosen is None else chosen
    found = session.execute(
        select(Handoff, first_alert_at(), first_claim_at())
        .where(Handoff.id.in_(which))
        .order_by(*NEWEST_FIRST)
    )
    rows = []
    for handoff, alerted_at, claimed_at in found:
        times = alerted_at, claimed_at, handoff.first_reply_at
        rows.append(Row(handoff, *(at - handoff.opened_at if at else None for at in times)))
    return rows


def find_page(
    session: Session,
    program_id: int,
    wanted: HandoffFilter,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> Page:
    """The newest matching handoffs, or those next to one: older than `before`, newer than `after`.

    A page is found from its neighbor and not by counting, so that the last is as fast as the first.
    """
    matching = _matching(program_id, wanted)
    if after is not None:
        upward = matching.where(_beside(after, newer=True)).order_by(Handoff.opened_at, Handoff.id)
        found = list(session.scalars(upward.limit(limit + 1)))
        if len(found) > limit:
            return Page(find_handoffs(session, chosen=found[:limit]), newer=True, older=True)
    elif before is not None:
        downward = matching.where(_beside(before, newer=False)).order_by(*NEWEST_FIRST)
        if found := list(session.scalars(downward.limit(limit + 1))):
            rows = find_handoffs(session, chosen=found[:limit])
            return Page(rows, newer=True, older=len(found) > limit)
    # Fewer than a page are newer, or none is older: show the newest.
    found = list(session.scalars(matching.order_by(*NEWEST_FIRST).limit(limit + 1)))
    return Page(find_handoffs(session, chosen=found[:limit]), older=len(found) > limit)


def _beside(handoff_id: int, *, newer: bool) -> ColumnElement[bool]:
    other = aliased(Handoff)
    at = select(other.opened_at).where(other.id == handoff_id).scalar_subquery()
    here, there = tuple_(Handoff.opened_at, Handoff.id), tuple_(at, handoff_id)
    return here > there if newer else here < there


def count_handoffs(
    session: Session,
    program_id: int,
    wanted: HandoffFilter = ALL_HANDOFFS,
    *,
    most: int = MOST_COUNTED,
) -> int:
    """How many match; `most` if there are more."""
    some = _matching(program_id, wanted).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


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
    equal: list[tuple[ColumnElement[Any] | InstrumentedAttribute[Any], object]] = [
        # Plus 0: from the newest handoffs to their threads, and not from every thread to all its
        # handoffs.
        (Conversation.program_id + 0, program_id),
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
        theirs = select(HandoffEvent.handoff_id).where(
            HandoffEvent.move == Move.CLAIM, HandoffEvent.by_id == wanted.mentor_id
        )
        conditions.append(Handoff.id.in_(theirs))
    if wanted.only_open:
        conditions.append(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
    if wanted.unreached is not None:
        # Where a mentor wrote first, nobody had to be reached.
        conditions += [unreached[wanted.unreached], Handoff.need != Need.MENTOR]
        if wanted.unreached is Unreached.TAKEN:
            conditions.append(Handoff.claimed_at.is_(None))  # few, and found by index
    handoffs = select(Handoff.id).join(Conversation, Conversation.id == Handoff.conversation_id)
    return handoffs.where(*conditions)
