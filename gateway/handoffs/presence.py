"""Which mentor has which handoff open in the console, known because the open page reloads itself.

A mentor who has the conversation open sees new messages there and needs no text about them.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escalation.handoffs.availability import last_looked
from models import Handoff, Person, Presence

# The page may reload several times a second, so not every reload is written down.
WRITE_AGAIN_AFTER = timedelta(seconds=15)


def touch(session: Session, person: Person, handoff: Handoff, *, now: datetime) -> None:
    seen = (Presence.person_id == person.id) & (Presence.handoff_id == handoff.id)
    if session.scalar(select(Presence.id).where(seen)) is None:
        try:
            with session.begin_nested():
                session.add(Presence(person_id=person.id, handoff_id=handoff.id, seen_at=now))
            return
        except IntegrityError:
            pass  # another tab was first
    session.execute(update(Presence).where(seen).values(seen_at=now))


def is_worth_noting(session: Session, person: Person, handoff: Handoff, *, now: datetime) -> bool:
    """Whether `touch` would change anything. Most reloads then need no write transaction."""
    seen_at = last_looked(session, person, handoff)
    return seen_at is None or now - seen_at >= WRITE_AGAIN_AFTER


def leave(session: Session, person: Person, handoff: Handoff) -> None:
    """`person` released or closed the handoff, so their page no longer shows the messages."""
    session.execute(
        delete(Presence).where(Presence.person_id == person.id, Presence.handoff_id == handoff.id)
    )
