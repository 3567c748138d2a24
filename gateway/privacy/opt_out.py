"""STOP, START, and HELP: whether a person agrees to be texted."""

from enum import StrEnum

from escalation.handoffs.duty import tell_managers
from escalation.speech.i18n import LANGUAGES, bare, in_language
from escalation.speech.message_writer import STOP_CONFIRMED, WRONG_NUMBER_CONFIRMED
from gateway.conversations.quick_replies import one_word, without_punctuation
from gateway.conversations.turn import Turn
from gateway.privacy.stop_words import (
    HELP_WORDS,
    START_WORDS,
    STOP_WORDS,
    asks_to_stop,
    plain_words,
    says_wrong_number,
    stops_politely,
)
from gateway.runtime.audit import note_about
from models import WRONG_NUMBER, Channel, Message, Person, Role, TextKind

# The provider knows the words that a program added, in other languages too (Twilio's OptOutType).
PROVIDERS_WORDS = (TextKind.STOP, TextKind.START, TextKind.HELP)


class ConsentWord(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    WRONG_NUMBER = "wrong_number"


def match_opt_out(turn: Turn) -> ConsentWord | None:
    if turn.message.kind in PROVIDERS_WORDS:
        return ConsentWord(turn.message.kind)
    person, plain = turn.person, plain_words(turn.words)
    # From a mentor only the carriers' words count: other words are for their mentee.
    is_staff = person is not None and person.role is not Role.MENTEE
    carriers = stops_politely(plain)
    if carriers if is_staff else asks_to_stop(turn.words):
        return ConsentWord.STOP
    if not is_staff and turn.message.channel is not Channel.WEB and says_wrong_number(turn.words):
        return ConsentWord.WRONG_NUMBER
    word, stopped = one_word(plain), turn.conversation.has_stopped_texts
    if word in START_WORDS or (stopped and _says_yes(turn.message)):
        return ConsentWord.START
    return ConsentWord.HELP if word in HELP_WORDS else None


def act_on_opt_out(turn: Turn, word: ConsentWord) -> bool:
    """Stop or restart texts, or say what Warmline is. STOP closes no handoff: a person does.

    A crisis in the same text is acted on as well: people are called even after a STOP.
    """
    person = turn.person
    match word:
        case ConsentWord.WRONG_NUMBER:
            _stop_texts_to_wrong_number(turn)
        case ConsentWord.STOP:
            if person is not None:
                _stop_texts(turn, person)
            else:
                _stop_texts_to_stranger(turn)
        case ConsentWord.START:
            if not turn.conversation.has_stopped_texts:
                return False
            turn.conversation.stopped_at = None
            if person is not None:
                person.opted_out_at = None
                if person.unreachable_code == WRONG_NUMBER:
                    person.unreachable_code = None
                note_about(turn.session, person, "texts.started", by=person, now=turn.now)
            turn.say("started", program=turn.conversation.program.name)
        case ConsentWord.HELP:
            is_staff = person is not None and person.role is not Role.MENTEE
            key = "mentor_help" if is_staff else "help"
            turn.say(key, program=turn.conversation.program.name)
    return not turn.in_crisis


def _stop_texts(turn: Turn, person: Person) -> None:
    key = _confirmation(turn.message, again=person.opted_out_at is not None)
    if key is not None:  # while texts may still be sent
        turn.say(key, program=turn.conversation.program.name)
    if person.opted_out_at is None:
        person.opted_out_at = turn.now
        note_about(turn.session, person, "texts.stopped", by=person, now=turn.now)
        if person.role is not Role.MENTEE:
            tell_managers(turn, person, "staff_stopped")


def _stop_texts_to_wrong_number(turn: Turn) -> None:
    """Whoever wrote may be a stranger, so the answer names no one. A manager checks the number."""
    person = turn.person
    if not turn.conversation.has_stopped_texts:
        turn.say(WRONG_NUMBER_CONFIRMED)
    if person is None:
        turn.conversation.stopped_at = turn.conversation.stopped_at or turn.now
    elif person.unreachable_code != WRONG_NUMBER:
        person.opted_out_at = person.opted_out_at or turn.now
        person.unreachable_code = WRONG_NUMBER
        note_about(turn.session, person, "texts.wrong_number", by=person, now=turn.now)
        link = f"{turn.rules.site}/people/{person.id}"
        tell_managers(turn, person, "wrong_number_told", link=link)


def _stop_texts_to_stranger(turn: Turn) -> None:
    key = _confirmation(turn.message, again=turn.conversation.has_stopped_texts)
    if key is not None:
        turn.say(key, program=turn.conversation.program.name)
    turn.conversation.stopped_at = turn.conversation.stopped_at or turn.now


def _confirmation(message: Message, *, again: bool) -> str | None:
    """We confirm each STOP on the web; by text the first one, unless the carrier confirms it."""
    if message.channel is Channel.WEB:
        return "texts_stopped"
    by_carrier = message.channel is Channel.SMS and (
        _carriers_word(message.words) or message.kind is TextKind.STOP
    )
    return None if by_carrier or again else STOP_CONFIRMED


def _carriers_word(words: str) -> bool:
    return without_punctuation(words).casefold() in STOP_WORDS


def _says_yes(message: Message) -> bool:
    """By text only: in the chat, YES answers the question there."""
    yes = {bare(in_language(language, "YES", context="consent")) for language in LANGUAGES}
    return message.channel is not Channel.WEB and bare(message.words) in yes
