"""Handoffs: the list, and one handoff with its events and alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from pydantic import AliasPath, BaseModel, BeforeValidator, Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from gateway.integrations.api.auth import Caller, ReadsHandoffs
from gateway.integrations.api.values import (
    FromRow,
    Moment,
    Number,
    PageQuery,
    not_there,
)
from gateway.reporting.load import NAMES
from gateway.reporting.period import NamedUrgency, UrgencyName
from gateway.runtime.sql_time import first_alert_at, first_claim_at
from models import (
    Alert,
    Conversation,
    Delivery,
    Handoff,
    HandoffEvent,
    Move,
    Need,
    Outcome,
    Status,
    Urgency,
)

router = APIRouter(prefix="/handoffs", tags=["handoffs"])

# A handoff, the time of its first alert, and the time of its first claim.
Found = Row[Handoff, datetime | None, datetime]

Summary = TypeVar("Summary", bound="HandoffSummary")


class HandoffQuery(PageQuery):
    since: Annotated[Moment | None, Field(description="Opened at or after this time")] = None
    until: Annotated[Moment | None, Field(description="Opened before this time")] = None
    status: list[Status] | None = None
    urgency: list[UrgencyName] | None = None
    need: list[Need] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = []
        if self.since is not None:
            wanted.append(Handoff.opened_at >= self.since)
        if self.until is not None:
            wanted.append(Handoff.opened_at < self.until)
        if self.cursor is not None:
            wanted.append(Handoff.id < self.cursor)
        if self.status:
            wanted.append(Handoff.status.in_(self.status))
        if self.urgency:
            wanted.append(Handoff.urgency.in_([Urgency[one.upper()] for one in self.urgency]))
        if self.need:
            wanted.append(Handoff.need.in_(self.need))
        return wanted


class HandoffSummary(FromRow):
    """A conversation handed from the bot to a person."""

    id: int
    opened_at: datetime
    need: Need = Field(description="Why the mentee needs a person")
    urgency: NamedUrgency
    status: Status
    mentee_id: int | None = Field(
        description="Null if the number is not enrolled",
        validation_alias=AliasPath("conversation", "person_id"),
    )
    mentee_name: str | None = Field(
        None, description=NAMES, validation_alias=AliasPath("conversation", "person", "name")
    )
    mentor_id: int | None = Field(description="The mentor who has it, or had it last")
    mentor_name: str | None = Field(
        None, description=NAMES, validation_alias=AliasPath("mentor", "name")
    )
    first_alert_at: datetime | None = Field(
        None, description="When the first alert to a mentor was sent"
    )
    claimed_at: datetime | None = Field(description="When a mentor first claimed it")
    first_reply_at: datetime | None = Field(description="When a person first wrote to the mentee")
    closed_at: datetime | None
    outcome: Outcome | None


class Event(FromRow):
    """One event of a handoff. Fields that do not apply are null."""

    id: int
    at: datetime
    move: Move
    by_id: int | None = Field(description="The person who did it; null if Warmline did")
    need: Need | None = Field(None, description="For open and raise")
    urgency: UrgencyName | None = Field(None, description="For open and raise")
    ladder: int | None = Field(None, description="For page: which round of the escalation ladder")
    rung: int | None = Field(None, description="For page: the rung of the ladder, from 0")
    paged_ids: list[int] = Field(
        [], description="For page: the people paged", validation_alias="people"
    )
    held_by_id: int | None = Field(
        None,
        description="For release and transfer: the mentor who had it",
        validation_alias="held_by",
    )
    outcome: Outcome | None = Field(None, description="For resolve")


class AlertSent(FromRow):
    """An alert to one person, and its delivery."""

    id: int
    at: datetime
    person_id: int
    person_name: str | None = Field(description=NAMES, validation_alias=AliasPath("person", "name"))
    ladder: int
    rung: int
    delivery: Annotated[Delivery, BeforeValidator(lambda said: said or Delivery.QUEUED)] = Field(
        validation_alias=AliasPath("message", "delivery")
    )
    error_code: str | None = Field(
        description="The provider's code if delivery failed",
        validation_alias=AliasPath("message", "error_code"),
    )
    tries: int = Field(validation_alias=AliasPath("message", "tries"))
    sent_at: datetime | None = Field(validation_alias=AliasPath("message", "sent_at"))
    delivered_at: datetime | None = Field(validation_alias=AliasPath("message", "delivered_at"))


class HandoffInFull(HandoffSummary):
    """A handoff with all its events and alerts."""

    events: list[Event] = Field(default_factory=list)
    alerts: list[AlertSent] = Field(default_factory=list)


class HandoffPage(BaseModel):
    """One page of handoffs, newest first. `next_cursor` is null on the last page."""

    handoffs: list[HandoffSummary]
    next_cursor: int | None


@router.get("")
def list_handoffs(caller: ReadsHandoffs, query: Annotated[HandoffQuery, Query()]) -> HandoffPage:
    """List the handoffs of the program, newest first."""
    caller.has_read("handoffs")
    with caller.line.database.reading() as session:
        found = _rows(session, caller, query.conditions(), limit=query.limit + 1)
        shown = [_summary(HandoffSummary, row, caller) for row in found[: query.limit]]
    more = len(found) > query.limit
    return HandoffPage(handoffs=shown, next_cursor=shown[-1].id if more else None)


@router.get("/{number}")
def one_handoff(number: Number, caller: ReadsHandoffs) -> HandoffInFull:
    """Read one handoff with its events and alerts."""
    with caller.line.database.reading() as session:
        found = _rows(session, caller, [Handoff.id == number], limit=1)
        if not found:
            raise not_there("handoff", number)
        shown = _summary(HandoffInFull, found[0], caller)
        shown.events = _events(session, number)
        shown.alerts = _alerts(session, number, caller)
    caller.has_read(f"handoff:{number}")
    return shown


def _rows(
    session: Session, caller: Caller, wanted: Sequence[ColumnElement[bool]], *, limit: int
) -> Sequence[Found]:
    return session.execute(
        select(Handoff, first_alert_at(), first_claim_at())
        .join(Handoff.conversation)
        .where(Conversation.program_id == caller.program.id, *wanted)
        .order_by(Handoff.id.desc())
        .limit(limit)
    ).all()


def _summary(shape: type[Summary], row: Found, caller: Caller) -> Summary:
    handoff, first_alert, first_claim = row
    found: dict[str, Any] = {"first_alert_at": first_alert, "claimed_at": first_claim}
    if not caller.reads_names:
        found |= {"mentee_name": None, "mentor_name": None}
    return shape.model_validate(handoff).model_copy(update=found)


def _events(session: Session, number: int) -> list[Event]:
    events = session.scalars(
        select(HandoffEvent).where(HandoffEvent.handoff_id == number).order_by(HandoffEvent.id)
    )
    # `Event` lists its fields, so that one added to `detail` later does not leak.
    return [
        Event.model_validate(
            {**one.detail, "id": one.id, "at": one.at, "move": one.move, "by_id": one.by_id}
        )
        for one in events
    ]


def _alerts(session: Session, number: int, caller: Caller) -> list[AlertSent]:
    alerts = session.scalars(select(Alert).where(Alert.handoff_id == number).order_by(Alert.id))
    hidden = {} if caller.reads_names else {"person_name": None}
    return [AlertSent.model_validate(one).model_copy(update=hidden) for one in alerts]
