"""Relaying a mentor's words to a mentee."""

from escalation.handoffs.handoffs import note_human_message
from escalation.speech.message_writer import speak_as_person
from escalation.transaction import Transaction
from models import Handoff, Message, Person

# Twilio takes 1,600 characters, including the mentor's name in front.
LONGEST_TEXT = 1500


def write_to_mentee(
    tx: Transaction,
    handoff: Handoff,
    mentor: Person,
    words: str,
    *,
    relayed_from: Message | None = None,
) -> None:
    """The caller has checked that the mentor holds the handoff."""
    for start in range(0, max(len(words), 1), LONGEST_TEXT):
        part = words[start : start + LONGEST_TEXT]
        speak_as_person(
            tx.session, handoff.conversation, mentor, part, now=tx.now, relayed_from=relayed_from
        )
    note_human_message(tx, handoff)
