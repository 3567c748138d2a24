"""STOP, START and HELP: consent to be texted, which is apart from everything else."""

from datetime import datetime

from sqlalchemy.orm import Session

from escalation.languages import keyword_meant
from escalation.voice import say
from gateway.line import Line
from models import Channel, Conversation, Message, Role

# The carriers' own words, as Twilio lists them; a message counts only as that bare word.
STOP_WORDS = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
)
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})


def one_word(words: str) -> str:
    """The words bare of signs and case; those that are a keyword in any language, in English."""
    return (keyword_meant(words) or words.strip().strip(".!")).casefold()


def is_about_consent(words: str) -> bool:
    return one_word(words) in STOP_WORDS | START_WORDS | HELP_WORDS


def act_on_consent(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> bool:
    """Act on a consent word and return True, or return False for any other message.

    STOP is no move: an open handoff stays open for a person to settle by another way. The
    carrier confirms it, not we; but in the web chat no carrier hears it. YES re-opens only for
    somebody who had stopped, and only by text: in the chat it answers what was asked there.
    """
    word, person = one_word(message.words), conversation.person
    programme = conversation.programme.name
    on_web = message.channel is Channel.WEB
    opens_again = START_WORDS if on_web else START_WORDS | {"yes"}
    if word in STOP_WORDS:
        if person is not None:
            person.opted_out_at = person.opted_out_at or now
            if on_web:
                say(session, line.rules, conversation, "texts_stopped", now=now)
        return True
    if person is not None and person.opted_out_at and word in opens_again:
        person.opted_out_at = None
        say(session, line.rules, conversation, "started", now=now, programme=programme)
        return True
    if word in HELP_WORDS:
        staff = person is not None and person.role is not Role.MENTEE
        key = "mentor_help" if staff else "help"
        say(session, line.rules, conversation, key, now=now, programme=programme)
        return True
    return False
