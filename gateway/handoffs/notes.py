"""Private notes on a handoff: for whoever holds it and for managers, never for the mentee."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.moves import NotHolder
from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.stored_text import kept_words
from models import Handoff, Note, Person, Role

LONGEST_NOTE = 4000


class BadNote(Exception):
    """Its text is a sentence for whoever wrote the note."""


def may_note(handoff: Handoff, person: Person) -> bool:
    """Whoever holds it, or held it when it was closed, and the managers of its program."""
    if person.program_id != handoff.conversation.program_id:
        return False
    return handoff.mentor_id == person.id or person.role is Role.MANAGER


def write_note(
    session: Session, handoff: Handoff, by: Person, words: str, *, now: datetime
) -> Note:
    """Keep a note.

    Raises:
        NotHolder: `by` neither holds it nor manages its program.
        BadNote: it is empty or too long.
    """
    if not may_note(handoff, by):
        raise NotHolder(handoff, by)
    words = kept_words(words.replace("\r\n", "\n")).strip()
    if not words:
        raise BadNote(gettext_noop("There is nothing to note yet. Write something first."))
    if len(words) > LONGEST_NOTE:
        too_many = len(words) - LONGEST_NOTE
        raise BadNote(
            phrase(
                "A note holds {longest:,} characters; this is {too_many:,} too long. Keep "
                "it in two.",
                longest=LONGEST_NOTE,
                too_many=too_many,
            )
        )
    note = Note(handoff_id=handoff.id, by_id=by.id, at=now, words=words)
    session.add(note)
    session.flush()
    return note


def list_notes(session: Session, handoff: Handoff) -> list[Note]:
    """The notes on a handoff, the oldest first. The caller has seen that its reader may."""
    return list(
        session.scalars(select(Note).where(Note.handoff_id == handoff.id).order_by(Note.id))
    )
