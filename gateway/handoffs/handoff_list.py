"""The list of handoffs: filters, rows, and the table for downloads."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.orm import Session, aliased

from gateway.runtime.labels import unknown_number, whole_seconds
from gateway.runtime.spreadsheets import Table, as_csv
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
    """One handoff in one line. The times `*_after` count from its opening; None: not yet.

    `first_alert_after` is when the first text to a mentor was accepted for sending.
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
    """What did not come about: no mentor's phone was reached, nobody took it, nobody wrote."""

    PHONES = "phones"
    TAKEN = "taken"
    WORDS = "words"


@dataclass(frozen=True)
class Wanted:
    """Which handoffs of the log are wanted; None does not choose. `until` is the end of a time,
    not in it. `mentor_id` is anybody who held it at some time."""

    since: datetime | None = None
    until: datetime | None = None
    mentor_id: int | None = None
    need: Need | None = None
    urgency: Urgency | None = None
    outcome: Outcome | None = None
    unreached: Unreached | None = None
    only_open: bool = False


EVERYTHING = Wanted()


def find_handoffs(
    session: Session,
    program_id: int | None = None,
    wanted: Wanted = EVERYTHING,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[Row]:
    """The handoffs of a program, or of all of them, that are wanted, the newest first."""
    chosen_by = _wanted(program_id, wanted)
    # Chosen first and told of then: the times of those passed over are not looked up.
    chosen = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*chosen_by)
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
        .where(Handoff.id.in_(chosen) if limit is not None else and_(true(), *chosen_by))
        .order_by(Handoff.id.desc())
    )
    return [
        Row(
            number=row.id,
            opened_at=row.opened_at,
            mentee=row.mentee or unknown_number(row.stranger_phone),
            need=row.need,
            urgency=row.urgency,
            status=row.status,
            holder=row.holder,
            first_alert_after=_since(row.opened_at, row.first_alert),
            claimed_after=_since(row.opened_at, row.first_claim),
            first_reply_after=_since(row.opened_at, row.first_reply_at),
            closed_at=row.closed_at,
            outcome=row.outcome,
            timezone=row.timezone,
        )
        for row in rows
    ]


def how_many_handoffs(session: Session, program_id: int, wanted: Wanted = EVERYTHING) -> int:
    found = session.scalar(
        select(func.count())
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(*_wanted(program_id, wanted))
    )
    return found or 0


def _wanted(program_id: int | None, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if program_id is not None:
        conditions.append(Conversation.program_id == program_id)
    if wanted.since is not None:
        conditions.append(Handoff.opened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Handoff.opened_at < wanted.until)
    if wanted.mentor_id is not None:
        conditions.append(_claims().where(HandoffEvent.by_id == wanted.mentor_id).exists())
    if wanted.need is not None:
        conditions.append(Handoff.need == wanted.need)
    if wanted.urgency is not None:
        conditions.append(Handoff.urgency == wanted.urgency)
    if wanted.outcome is not None:
        conditions.append(Handoff.outcome == wanted.outcome)
    if wanted.only_open:
        conditions.append(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
    match wanted.unreached:
        case Unreached.PHONES:
            conditions.append(~_alerts_delivered().exists())
        case Unreached.TAKEN:
            conditions.append(~_claims().exists())
        case Unreached.WORDS:
            conditions.append(Handoff.first_reply_at.is_(None))
        case None:
            pass
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


def _since(opened_at: datetime, at: datetime | None) -> timedelta | None:
    return at - opened_at if at is not None else None


COLUMNS = (
    "number",
    "opened",
    "mentee",
    "need",
    "urgency",
    "status",
    "holder",
    "first_alert_after_seconds",
    "claimed_after_seconds",
    "first_reply_after_seconds",
    "closed",
    "outcome",
)


def handoffs_table(rows: Iterable[Row]) -> Table:
    """The handoffs for a spreadsheet: local times, lengths in seconds."""
    return Table(
        "Handoffs",
        COLUMNS,
        [
            (
                row.number,
                row.opened_at.astimezone(ZoneInfo(row.timezone)),
                row.mentee,
                row.need.value,
                row.urgency.name.lower(),
                row.status.value,
                row.holder,
                whole_seconds(row.first_alert_after),
                whole_seconds(row.claimed_after),
                whole_seconds(row.first_reply_after),
                row.closed_at.astimezone(ZoneInfo(row.timezone)) if row.closed_at else None,
                row.outcome.value if row.outcome else None,
            )
            for row in rows
        ],
    )


def handoffs_csv(rows: Iterable[Row]) -> str:
    return as_csv(handoffs_table(rows)).decode("utf-8-sig")
