"""Legal holds: while one is open, nothing of a person is erased, by request or by age."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.audit import note_about
from gateway.runtime.user_input import kept_words
from models import LegalHold, Person


class HoldRefused(Exception):
    """Says why a hold cannot begin or end."""


def held_people() -> Select[int]:
    return select(LegalHold.person_id).where(LegalHold.ended_at.is_(None))


def find_hold(session: Session, person: Person) -> LegalHold | None:
    opened = LegalHold.person_id == person.id, LegalHold.ended_at.is_(None)
    return session.scalar(select(LegalHold).where(*opened))


def is_held(session: Session, person: Person) -> bool:
    return find_hold(session, person) is not None


def begin_hold(
    session: Session, person: Person, reason: str, *, by: Person | None, now: datetime
) -> LegalHold:
    """Raises HoldRefused without a reason, or when a hold is open."""
    reason = kept_words(reason).strip()
    if not reason:
        raise HoldRefused(gettext_noop("Say why nothing may be deleted."))
    if is_held(session, person):
        raise HoldRefused(phrase("{name} is under a legal hold already.", name=person.name))
    hold = LegalHold(person_id=person.id, reason=reason, by_id=by.id if by else None, at=now)
    session.add(hold)
    session.flush()
    note_about(session, person, "hold.begun", by=by, now=now, hold=hold.id)
    return hold


def end_hold(session: Session, person: Person, *, by: Person | None, now: datetime) -> None:
    hold = find_hold(session, person)
    if hold is None:
        raise HoldRefused(phrase("{name} is under no legal hold.", name=person.name))
    hold.ended_at = now
    session.flush()
    note_about(session, person, "hold.ended", by=by, now=now, hold=hold.id)
