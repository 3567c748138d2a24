"""CONCERN by text: the managers read it; the bot and the mentors do not."""

import re

from escalation.speech.i18n import words_for
from escalation.speech.names import fold_name
from gateway.conversations.turn import Turn
from gateway.safeguarding.records import (
    list_notified_managers,
    mentors_known_to,
    raise_concern,
)
from models import Message, Person

# Carriers do not use this word. "Concern about school" counts, too: a manager may read one text too
# many, but must not miss one.
KEYWORD = "CONCERN"
WITH_WORDS = re.compile(
    rf"\s*(?:{'|'.join(map(re.escape, words_for('CONCERN')))})\b[\s:.,!-]*(?P<words>.*)",
    re.IGNORECASE | re.DOTALL,
)


def is_about_concern(words: str) -> bool:
    return WITH_WORDS.fullmatch(words) is not None


def match_concern(turn: Turn) -> str | None:
    """The words after CONCERN."""
    found = WITH_WORDS.fullmatch(turn.words)
    return found["words"] if found and turn.person is not None else None


def act_on_concern(turn: Turn, words: str) -> bool:
    """Move the words into a record, so that no mentor finds them in the thread.

    In a crisis they stay in the thread, because the person who helps must read them; and the reply
    to the crisis is the only one.
    """
    known = mentors_known_to(turn.session, turn.conversation)
    named = [one for one in known if _is_named(one, words)]
    mentor = named[0] if len(named) == 1 else next(iter(known), None)
    record = raise_concern(turn, turn.conversation, words, mentor=mentor)
    if turn.in_crisis:
        return False
    turn.message.words = KEYWORD
    if not list_notified_managers(turn.session, record):
        turn.say("concern_no_manager")
    elif mentor is not None:
        turn.say("concern_noted", mentor=mentor.name)
    else:
        turn.say("concern_noted_nobody")
    return True


def is_for_managers_only(message: Message) -> bool:
    """Whether a message of a mentee's thread is about a concern. No mentor may read it."""
    if message.outgoing:
        return (message.script or "").startswith("concern_")
    # Until the text is handled, its words are still in the thread.
    not_yet_moved = message.handled_at is None and is_about_concern(message.words)
    return message.words == KEYWORD or not_yet_moved


def _is_named(person: Person, words: str) -> bool:
    name = re.escape(fold_name(person.name))
    return re.search(rf"(?<!\w){name}(?!\w)", fold_name(words)) is not None
