"""Terms by text: if the program requires it, a mentee agrees before the bot answers.

Only the bot waits for that. A mentee can ask for a person, and a crisis calls one.
"""

from sqlalchemy import select

from escalation.speech.i18n import bare
from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
from gateway.conversations.quick_replies import one_word
from gateway.conversations.turn import Turn
from gateway.privacy.terms import BANDS, agree, get_consent, given_by
from models import AgeBand, Channel, Conversation, Message, Person, Role

AGREE_WORDS = frozenset({"agree", "i agree", "yes i agree"})
LETTERS = dict(zip("abcd", BANDS, strict=True))


def terms_due(tx: Transaction, conversation: Conversation) -> bool:
    """Whether this mentee, or a guardian, has not agreed by text yet."""
    person, policy = conversation.person, tx.policy.consent
    return (
        policy.by_text == "asked"
        and person is not None
        and person.role is Role.MENTEE
        and get_consent(tx.session, person, policy) is None
    )


def match_terms(turn: Turn) -> bool | None:
    return True if terms_due(turn, turn.conversation) else None


def act_on_terms(turn: Turn, _: bool) -> bool:
    """Accept the agreement in a text, or ask for it."""
    person, policy = turn.person, turn.policy.consent
    assert person is not None  # only mentees are asked for terms
    given, band = given_by(turn.session, person), agreed_in(turn.words)
    if given is None and band is not None:
        given = agree(turn.session, person, band, now=turn.now)
    if given is None:
        keys = ["terms_how"] if _was_asked(turn) else ["terms_asked", "terms_how"]
    else:
        counts = get_consent(turn.session, person, policy) is not None
        keys = ["terms_agreed"] if counts else ["terms_guardian"]
    for key in keys:
        turn.say(key, program=person.program.name, link=turn.rules.terms, age=policy.guardian_below)
    return True


def tell_that_a_guardian_agreed(tx: Transaction, person: Person) -> None:
    """Tell a mentee who waits for it by text. The chat opens by itself."""
    thread = get_thread(tx.session, tx.rules, person)
    if tx.policy.consent.by_text == "asked" and thread.channel is not Channel.WEB:
        tx.say_in(thread, "terms_agreed")


def agreed_in(words: str) -> AgeBand | None:
    """The age band of a whole message that agrees and names one: AGREE B."""
    word, _, letter = bare(words).rpartition(" ")
    return LETTERS.get(letter) if one_word(word.rstrip(" :,.")) in AGREE_WORDS else None


def _was_asked(turn: Turn) -> bool:
    asked = select(Message.id).where(
        Message.conversation_id == turn.conversation.id, Message.script == "terms_asked"
    )
    return turn.session.scalar(asked.limit(1)) is not None
