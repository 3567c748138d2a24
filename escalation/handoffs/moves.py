"""What every move of a handoff needs: a conditional UPDATE and an event, or a refusal."""

from typing import Any

from sqlalchemy import ColumnElement, update

from escalation.handoffs.jobs import CheckClaim, enqueue
from escalation.transaction import Transaction
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


def make_move(tx: Transaction, handoff: Handoff, still: ColumnElement[bool], **values: Any) -> None:
    """Change the handoff if `still` is true in the database. Raises Refused otherwise."""
    change = update(Handoff).where(Handoff.id == handoff.id, still).values(**values)
    moved = changes_one(tx.session, change)
    tx.session.refresh(handoff)
    if not moved:
        raise Refused(handoff, "it changed in the meantime")


def log_move(
    tx: Transaction,
    handoff: Handoff,
    move: Move,
    *,
    by: Person | None,
    note: str | None = None,
    **detail: object,
) -> HandoffEvent:
    event = HandoffEvent(
        handoff_id=handoff.id,
        at=tx.now,
        move=move,
        by_id=by.id if by else None,
        note=note or None,
        detail=detail,
    )
    tx.session.add(event)
    tx.session.flush()
    return event


def check_claim_later(tx: Transaction, handoff: Handoff, event: HandoffEvent) -> None:
    at = tx.now + tx.policy.claim.answer_within_minutes.at(handoff.urgency)
    enqueue(tx.session, CheckClaim(handoff.id, event.id), at=at)
