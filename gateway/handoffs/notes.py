"""Private notes on a handoff. Its mentor and the managers read them, the mentee never does."""

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
    """The mentor who holds it or held it last, and the managers of its program."""
    if person.program_id != handoff.conversation.program_id:
        return False
    return handoff.mentor_id == person.id or person.role is Role.MANAGER


def write_note(
    session: Session, handoff: Handoff, by: Person, words: str, *, now: datetime
) -> Note:
    """Raises:
    NotHolder: `by` neither holds the handoff nor manages its program.
    BadNote: the note is empty or too long.
    """
    if not may_note(handoff, by):
        raise NotHolder(handoff, by)
    words = cleaned(words)
    if not words:
        raise BadNote(gettext_noop("Write a note first."))
    if sentence := too_long(words, LONGEST_NOTE):
        raise BadNote(sentence)
    note = Note(handoff_id=handoff.id, by_id=by.id, at=now, words=words)
    session.add(note)
    session.flush()
    return note


def list_notes(session: Session, handoff: Handoff) -> list[Note]:
    """Oldest first. The caller has checked `may_note`."""
    return list(
        session.scalars(select(Note).where(Note.handoff_id == handoff.id).order_by(Note.id))
    )
