"""ESPAÑOL, ENGLISH: a mentee chooses in which language the line writes, by its name as a text."""

from datetime import datetime

from sqlalchemy.orm import Session

from escalation.speech.i18n import known, language_name, language_named
from escalation.speech.message_writer import say
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from models import Conversation, Message, Role


def language_asked_for(conversation: Conversation, words: str) -> str | None:
    """Another language than the mentee's that a text names. One's own may be a school subject."""
    person, named = conversation.person, language_named(words)
    if person is None or person.role is not Role.MENTEE or named == known(person.language):
        return None
    return named


def act_on_language(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> bool:
    """Take up the language and say so in it, and return True; False for other words."""
    person, named = conversation.person, language_asked_for(conversation, message.words)
    if person is None or named is None:
        return False
    before, person.language = known(person.language), named
    session.flush()
    note_about(session, person, f"language.{named}", by=person, now=now)
    back = language_name(before).upper()
    say(session, line.rules, conversation, "language_changed", now=now, tongue=back)
    return True
