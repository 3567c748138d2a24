"""What every move of a handoff needs: a conditional UPDATE and an event, or a refusal."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import CheckClaim, Later
from escalation.ruleset import Rules
from models import Handoff, HandoffEvent, Move, Person, changes_one


class Refused(Exception):
    """A move that is not allowed. The message is for the log; people get a line of the script."""

    def __init__(self, handoff: Handoff, reason: str) -> None:
        self.handoff = handoff
        super().__init__(f"Handoff {handoff.id} is {handoff.status.value}: {reason}")


class Closed(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "it is closed")


class NotHolder(Refused):
    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} does not hold it")


def make_move(
    session: Session, handoff: Handoff, still: ColumnElement[bool], **values: Any
) -> None:
    """Change the handoff if `still` is true in the database. Raises Refused otherwise."""
    change = update(Handoff).where(Handoff.id == handoff.id, still).values(**values)
    moved = changes_one(session, change)
    session.refresh(handoff)
    if not moved:
        raise Refused(handoff, "it changed in the meantime")


def log_move(
    session: Session,
    handoff: Handoff,
    move: Move,
    *,
    by: Person | None,
    now: datetime,
    note: str | None = None,
    **detail: object,
) -> HandoffEvent:
    event = HandoffEvent(
        handoff_id=handoff.id,
        at=now,
        move=move,
        by_id=by.id if by else None,
        note=note or None,
        detail=detail,
    )
    session.add(event)
    session.flush()
    return event


def check_claim_later(
    session: Session,
    handoff: Handoff,
    event: HandoffEvent,
    *,
    now: datetime,
    rules: Rules,
    later: Later,
) -> None:
    at = now + rules.policy.answer_within(handoff.urgency)
    later(session, CheckClaim(handoff.id, event.id), at=at)
