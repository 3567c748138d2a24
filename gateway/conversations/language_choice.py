"""ESPAÑOL, ENGLISH: a mentee chooses Warmline's language by texting its name."""

from escalation.speech.i18n import known, language_name, language_named
from gateway.conversations.turn import Turn
from gateway.runtime.audit import note_about
from models import Role


def match_language(turn: Turn) -> str | None:
    """Another language than the mentee's own, which may be a school subject."""
    person, named = turn.person, language_named(turn.words)
    if person is None or person.role is not Role.MENTEE or named == known(person.language):
        return None
    return named


def act_on_language(turn: Turn, language: str) -> bool:
    person = turn.person
    if person is None or match_language(turn) is None:
        return False  # changed on the page a moment ago
    before, person.language = known(person.language), language
    turn.session.flush()
    note_about(turn.session, person, f"language.{language}", by=person, now=turn.now)
    turn.say("language_changed", tongue=language_name(before).upper())
    return True
