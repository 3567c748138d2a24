"""Who has which handoff open in the console just now, as the open page itself tells by re-reading.

Whoever looks at a conversation sees what is written in it; a text about it would be one too many.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escalation.handoffs.availability import last_looked
from models import Handoff, Person, Presence

# Not every reading is written down: the page may read several times a second.
WRITE_AGAIN_AFTER = timedelta(seconds=15)


def touch(session: Session, person: Person, handoff: Handoff, *, now: datetime) -> None:
    """Note that `person` has `handoff` open."""
    seen = (Presence.person_id == person.id) & (Presence.handoff_id == handoff.id)
    if session.scalar(select(Presence.id).where(seen)) is None:
        try:
            with session.begin_nested():
                session.add(Presence(person_id=person.id, handoff_id=handoff.id, seen_at=now))
            return
        except IntegrityError:
            pass  # another tab of theirs was there first
    session.execute(update(Presence).where(seen).values(seen_at=now))


def is_worth_noting(session: Session, person: Person, handoff: Handoff, *, now: datetime) -> bool:
    """Whether `touch` would say anything new; asked first, so that most readings write nothing."""
    seen_at = last_looked(session, person, handoff)
    return seen_at is None or now - seen_at >= WRITE_AGAIN_AFTER


def leave(session: Session, person: Person, handoff: Handoff) -> None:
    """Their page no longer shows the words: they gave it back, or closed it."""
    session.execute(
        delete(Presence).where(Presence.person_id == person.id, Presence.handoff_id == handoff.id)
    )
