"""CONCERN by text: what a mentee writes is for the managers, not for the bot or a mentor."""

import re

from escalation.speech.i18n import words_for
from gateway.conversations.turn import Turn
from gateway.safeguarding.records import (
    list_notified_managers,
    mentors_known_to,
    raise_concern,
)
from models import Message, Person

# A text that begins with it is for the managers. Carriers do not use it. "Concern about school"
# counts, too: a manager may read one text too many, but must not miss one.
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
    """Open a record. The words move into it: a mentor who reads the thread must not find them.

    In a crisis they stay in the thread, because the person who helps must see what was said; and
    the reply to the crisis is the only one.
    """
    session, line, conversation = turn.session, turn.line, turn.conversation
    known = mentors_known_to(session, conversation)
    mentor = _find_named(words, known) or (known[0] if known else None)
    record = raise_concern(session, line, conversation, words, mentor=mentor, now=turn.now)
    if turn.in_crisis:
        return False
    turn.message.words = KEYWORD
    if not list_notified_managers(session, record):
        turn.say("concern_no_manager")
    elif mentor is not None:
        turn.say("concern_noted", mentor=mentor.name)
    else:
        turn.say("concern_noted_nobody")
    return True


def is_for_managers_only(message: Message) -> bool:
    """Whether a message of a mentee's thread is about a concern: no mentor may read it."""
    if message.outgoing:
        return (message.script or "").startswith("concern_")
    # Until the text is handled, its words are still in the thread.
    not_yet_moved = message.handled_at is None and is_about_concern(message.words)
    return message.words == KEYWORD or not_yet_moved


def _find_named(words: str, known: list[Person]) -> Person | None:
    """The one mentor whose name is in the words; None for no name or several."""
    found = [
        person
        for person in known
        if re.search(rf"(?<!\w){re.escape(person.name.casefold())}(?!\w)", words.casefold())
    ]
    return found[0] if len(found) == 1 else None
