"""Private notes on a handoff. Its mentor and the managers read them, the mentee never does."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.moves import NotHolder
from escalation.speech.i18n import gettext_noop
from gateway.runtime.user_input import cleaned, too_long
from models import Handoff, Note, Person, Role

LONGEST_NOTE = 4000


class BadNote(Exception):
    """Its text is a sentence for the author of the note."""


def may_note(handoff: Handoff, person: Person) -> bool:
    """The mentor who holds it or held it last, and managers. The caller checked the program."""
    return handoff.mentor_id == person.id or person.role is Role.MANAGER


def write_note(
    session: Session, handoff: Handoff, by: Person, words: str, *, now: datetime
) -> None:
    """Raises NotHolder, and BadNote for a note that is empty or too long."""
    if not may_note(handoff, by):
        raise NotHolder(handoff, by)
    words = cleaned(words)
    if not words:
        raise BadNote(gettext_noop("Write a note first."))
    if sentence := too_long(words, LONGEST_NOTE):
        raise BadNote(sentence)
    session.add(Note(handoff_id=handoff.id, by_id=by.id, at=now, words=words))


def list_notes(session: Session, handoff: Handoff) -> Sequence[Note]:
    """Oldest first. The caller has checked `may_note`."""
    notes = select(Note).where(Note.handoff_id == handoff.id)
    return session.scalars(notes.order_by(Note.id)).all()
