"""Terms by text: where the program asks for them, a mentee agrees before the bot answers.

A person is to be had all the same, and a crisis calls one: only the bot waits.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.policy import ConsentPolicy
from escalation.speech.i18n import bare
from escalation.speech.message_writer import get_thread, say
from gateway.conversations.keywords import one_word
from gateway.privacy.terms import BANDS, agree, get_consent, given_by
from gateway.runtime.line import Line
from models import AgeBand, Channel, Conversation, Message, Person, Role

AGREE_WORDS = frozenset({"agree", "i agree", "yes i agree"})
LETTERS = dict(zip("abcd", BANDS, strict=True))


def terms_due(session: Session, conversation: Conversation, policy: ConsentPolicy) -> bool:
    """Whether this mentee has still to agree by text, or a guardian for them."""
    person = conversation.person
    return (
        policy.by_text == "asked"
        and person is not None
        and person.role is Role.MENTEE
        and get_consent(session, person, policy) is None
    )


def act_on_terms(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> None:
    """Take the yes that a message is, or else ask for it. Terms were due when it was read."""
    person, policy = conversation.person, line.rules.policy.consent
    assert person is not None  # terms are a mentee's
    given, band = given_by(session, person), agreed_in(message.words)
    if given is None and band is not None:
        given = agree(session, person, band, now=now)
    if given is None:
        was_asked = _said(session, conversation, "terms_asked")
        keys = ["terms_how"] if was_asked else ["terms_asked", "terms_how"]
    else:
        counts = get_consent(session, person, policy) is not None
        keys = ["terms_agreed"] if counts else ["terms_guardian"]
    blanks = {
        "program": person.program.name,
        "link": line.rules.terms,
        "age": policy.guardian_below,
    }
    for key in keys:
        say(session, line.rules, conversation, key, now=now, **blanks)


def tell_that_a_guardian_agreed(
    session: Session, line: Line, person: Person, *, now: datetime
) -> None:
    """Who waits for it by text is told; a page of the chat opens by itself."""
    thread = get_thread(session, line.rules, person)
    if line.rules.policy.consent.by_text == "asked" and thread.channel is not Channel.WEB:
        say(session, line.rules, thread, "terms_agreed", now=now)


def agreed_in(words: str) -> AgeBand | None:
    """The age band of a whole message that agrees and names one: AGREE B."""
    word, _, letter = bare(words).rpartition(" ")
    return LETTERS.get(letter) if one_word(word.rstrip(" :,.")) in AGREE_WORDS else None


def _said(session: Session, conversation: Conversation, key: str) -> bool:
    said = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.script == key
    )
    return session.scalar(said.limit(1)) is not None
