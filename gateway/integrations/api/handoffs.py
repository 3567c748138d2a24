"""Handoffs: the list, and one handoff with its events and alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from gateway.integrations.api.auth import Caller, ReadsHandoffs
from gateway.integrations.api.values import (
    Cursor,
    Limit,
    Moment,
    Number,
    UrgencyName,
    not_there,
    urgency_name,
    urgency_named,
)
from gateway.runtime.sql_time import first_alert_at, first_claim_at
from models import Alert, Conversation, Delivery, Handoff, HandoffEvent, Move, Need, Outcome, Status

router = APIRouter(prefix="/handoffs", tags=["handoffs"])

# A handoff, the time of its first alert, and the time of its first claim.
Found = Row[Handoff, datetime | None, datetime]

NAMES = "Null without the scope people:names"


class HandoffSummary(BaseModel):
    """A conversation handed from the bot to a person."""

    id: int
    opened_at: datetime
    need: Need = Field(description="Why the mentee needs a person")
    urgency: UrgencyName
    status: Status
    mentee_id: int | None = Field(description="Null if the number is not enrolled")
    mentee_name: str | None = Field(description=NAMES)
    mentor_id: int | None = Field(description="The mentor who has it, or had it last")
    mentor_name: str | None = Field(description=NAMES)
    first_alert_at: datetime | None = Field(description="When the first alert to a mentor was sent")
    claimed_at: datetime | None = Field(description="When a mentor first claimed it")
    first_reply_at: datetime | None = Field(description="When a person first wrote to the mentee")
    closed_at: datetime | None
    outcome: Outcome | None


class Event(BaseModel):
    """One event of a handoff. Fields that do not apply are null."""

    id: int
    at: datetime
    move: Move
    by_id: int | None = Field(description="The person who did it; null if Warmline did")
    need: Need | None = Field(description="For open and raise")
    urgency: UrgencyName | None = Field(description="For open and raise")
    ladder: int | None = Field(description="For page: which round of the escalation ladder")
    rung: int | None = Field(description="For page: the rung of the ladder, from 0")
    paged_ids: list[int] = Field(description="For page: the people paged")
    held_by_id: int | None = Field(description="For release and transfer: the mentor who had it")
    outcome: Outcome | None = Field(description="For resolve")


class AlertSent(BaseModel):
    """An alert to one person, and its delivery."""

    id: int
    at: datetime
    person_id: int
    person_name: str | None = Field(description=NAMES)
    ladder: int
    rung: int
    delivery: Delivery
    error_code: str | None = Field(description="The provider's code if delivery failed")
    tries: int
    sent_at: datetime | None
    delivered_at: datetime | None


class HandoffInFull(HandoffSummary):
    """A handoff with all its events and alerts."""

    events: list[Event]
    alerts: list[AlertSent]


class HandoffPage(BaseModel):
    """One page of handoffs, newest first. `next_cursor` is null on the last page."""

    handoffs: list[HandoffSummary]
    next_cursor: int | None


@router.get("")
def list_handoffs(
    caller: ReadsHandoffs,
    since: Annotated[Moment | None, Query(description="Opened at or after this time")] = None,
    until: Annotated[Moment | None, Query(description="Opened before this time")] = None,
    status: Annotated[list[Status] | None, Query()] = None,
    urgency: Annotated[list[UrgencyName] | None, Query()] = None,
    need: Annotated[list[Need] | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HandoffPage:
    """List the handoffs of the program, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(Handoff.opened_at >= since)
    if until is not None:
        wanted.append(Handoff.opened_at < until)
    if status:
        wanted.append(Handoff.status.in_(status))
    if urgency:
        wanted.append(Handoff.urgency.in_([urgency_named(one) for one in urgency]))
    if need:
        wanted.append(Handoff.need.in_(need))
    if cursor is not None:
        wanted.append(Handoff.id < cursor)
    caller.has_read("handoffs")
    with caller.line.database.reading() as session:
        found = _rows(session, caller, wanted, limit=limit + 1)
        shown = [HandoffSummary(**_summary(row, caller)) for row in found[:limit]]
    more = len(found) > limit
    return HandoffPage(handoffs=shown, next_cursor=shown[-1].id if more else None)


@router.get("/{number}")
def one_handoff(number: Number, caller: ReadsHandoffs) -> HandoffInFull:
    """Read one handoff with its events and alerts."""
    with caller.line.database.reading() as session:
        found = _rows(session, caller, [Handoff.id == number], limit=1)
        if not found:
            raise not_there("handoff", number)
        shown = HandoffInFull(
            **_summary(found[0], caller),
            events=_events(session, number),
            alerts=_alerts(session, number, caller),
        )
    caller.has_read(f"handoff:{number}")
    return shown


def _rows(
    session: Session, caller: Caller, wanted: Sequence[ColumnElement[bool]], *, limit: int
) -> Sequence[Found]:
    return session.execute(
        select(
            Handoff,
            first_alert_at(),
            first_claim_at(),
        )
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == caller.program.id, *wanted)
        .order_by(Handoff.id.desc())
        .limit(limit)
    ).all()


def _summary(row: Found, caller: Caller) -> dict[str, Any]:
    handoff, first_alert, first_claim = row
    mentee = handoff.conversation.person
    return {
        "id": handoff.id,
        "opened_at": handoff.opened_at,
        "need": handoff.need,
        "urgency": urgency_name(handoff.urgency),
        "status": handoff.status,
        "mentee_id": mentee.id if mentee else None,
        "mentee_name": mentee.name if mentee and caller.reads_names else None,
        "mentor_id": handoff.mentor_id,
        "mentor_name": handoff.mentor.name if handoff.mentor and caller.reads_names else None,
        "first_alert_at": first_alert,
        "claimed_at": first_claim,
        "first_reply_at": handoff.first_reply_at,
        "closed_at": handoff.closed_at,
        "outcome": handoff.outcome,
    }


def _events(session: Session, number: int) -> list[Event]:
    events = session.scalars(
        select(HandoffEvent).where(HandoffEvent.handoff_id == number).order_by(HandoffEvent.id)
    )
    # An explicit list, so that a field added to `detail` later does not leak.
    return [
        Event(
            id=event.id,
            at=event.at,
            move=event.move,
            by_id=event.by_id,
            need=event.detail.get("need"),
            urgency=event.detail.get("urgency"),
            ladder=event.detail.get("ladder"),
            rung=event.detail.get("rung"),
            paged_ids=event.detail.get("people", []),
            held_by_id=event.detail.get("held_by"),
            outcome=event.detail.get("outcome"),
        )
        for event in events
    ]


def _alerts(session: Session, number: int, caller: Caller) -> list[AlertSent]:
    alerts = session.scalars(select(Alert).where(Alert.handoff_id == number).order_by(Alert.id))
    return [
        AlertSent(
            id=alert.id,
            at=alert.at,
            person_id=alert.person_id,
            person_name=alert.person.name if caller.reads_names else None,
            ladder=alert.ladder,
            rung=alert.rung,
            delivery=alert.message.delivery or Delivery.QUEUED,
            error_code=alert.message.error_code,
            tries=alert.message.tries,
            sent_at=alert.message.sent_at,
            delivered_at=alert.message.delivered_at,
        )
        for alert in alerts
    ]
