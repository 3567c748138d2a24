"""Relaying a mentor's words to a mentee."""

from datetime import datetime

from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import note_human_message
from escalation.speech.message_writer import speak_as_person
from models import Handoff, Message, Person

# Twilio takes 1,600 characters, including the mentor's name in front.
LONGEST_TEXT = 1500


def write_to_mentee(
    session: Session,
    handoff: Handoff,
    mentor: Person,
    words: str,
    *,
    now: datetime,
    relayed_from: Message | None = None,
) -> None:
    """The caller has checked that the mentor holds the handoff."""
    for start in range(0, max(len(words), 1), LONGEST_TEXT):
        part = words[start : start + LONGEST_TEXT]
        speak_as_person(
            session, handoff.conversation, mentor, part, now=now, relayed_from=relayed_from
        )
    note_human_message(session, handoff, now=now)
