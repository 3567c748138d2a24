"""What every move of a handoff needs: a conditional UPDATE and an event, or a refusal."""

from typing import Any

from sqlalchemy import ColumnElement, update

from escalation.transaction import Transaction
from models import Handoff, HandoffEvent, Move, Person, Role, changes_one


class Refused(Exception):
    """A move that is not allowed. The message is for the log; people get a line of the script."""

    def __init__(self, handoff: Handoff, reason: str) -> None:
        self.handoff = handoff
        super().__init__(f"Handoff {handoff.id} is {handoff.status.value}: {reason}")


class Closed(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "it is closed")


class NeedsReason(Refused):
    def __init__(self, handoff: Handoff) -> None:
        super().__init__(handoff, "this move needs a reason")


class NotHolder(Refused):
    def __init__(self, handoff: Handoff, person: Person) -> None:
        super().__init__(handoff, f"person {person.id} does not hold it")


def manages(person: Person, handoff: Handoff) -> bool:
    """Whether `person` is a manager of the handoff's program."""
    here = person.program_id == handoff.conversation.program_id
    return here and person.role is Role.MANAGER and person.left_at is None


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
