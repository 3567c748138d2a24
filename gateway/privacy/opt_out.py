"""STOP, START, and HELP: whether a person agrees to be texted."""

import re
from enum import StrEnum

from escalation.handoffs.duty import tell_managers
from escalation.speech.i18n import LANGUAGES, bare, in_language
from escalation.speech.message_writer import STOP_CONFIRMED
from gateway.conversations.quick_replies import one_word, without_punctuation
from gateway.conversations.turn import Turn
from gateway.runtime.audit import note_about
from models import Channel, Message, Person, Role

# The carriers' own words, as Twilio lists them; a message counts only as that bare word.
STOP_WORDS = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
)
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})

# People may stop texts in any reasonable words (47 CFR 64.1200(a)(10), in force since April 2025).
# The whole message must say so: "he won't stop texting me" is about another person. For other
# languages, the catalogs list such words beside their STOP.
BEFORE = r"(?:(?:hi|hey|ok|okay|no|please|pls|plz|just|can you|could you|would you),? )*"
AFTER = r"(?:,? (?:again|any ?more|ever|now|at all|please|pls|plz|thanks|thank you|ok))*"
TEXTS = r"(?:(?:any|all|more|of|the|these|those|your|such) )*(?:texts|text messages|messages|sms)"
ASKS_TO_STOP = re.compile(
    BEFORE
    + "(?:"
    + "|".join(
        (
            r"(?:stop|quit) (?:texting|messaging|contacting|writing|writing to) me",
            rf"(?:stop|quit) sending (?:me )?(?:{TEXTS}|these|this|stuff)",
            rf"(?:stop|end|no more) {TEXTS}",
            r"(?:do not|don'?t|never) (?:text|message|contact|sms|write|write to) me",
            r"(?:take|remove) (?:me|my number) (?:off|from) (?:this|the|your) (?:list|texts)",
            r"(?:remove|unsubscribe|opt out) (?:me|my number)|opt me out|opt[ -]out",
            r"i (?:want to|would like to|wanna) (?:unsubscribe|opt out)",
            rf"i (?:want to|would like to|wanna) stop (?:getting|receiving) {TEXTS}",
            rf"i (?:do not|don'?t) want (?:to get |to receive )?{TEXTS}(?: from you)?",
        )
    )
    + ")"
    + AFTER
)


def asks_to_stop(words: str) -> bool:
    """Whether a mentee asks for no more texts, with the carriers' word or in other words."""
    if one_word(words) in STOP_WORDS:
        return True
    plain = " ".join(words.casefold().replace("\u2019", "'").split()).strip(" .!")
    return ASKS_TO_STOP.fullmatch(plain) is not None


class ConsentWord(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


def match_opt_out(turn: Turn) -> ConsentWord | None:
    person = turn.person
    # From a mentor only the carriers' words count: other words are for their mentee.
    is_staff = person is not None and person.role is not Role.MENTEE
    if _carriers_word(turn.words) if is_staff else asks_to_stop(turn.words):
        return ConsentWord.STOP
    word, stopped = one_word(turn.words), turn.conversation.has_stopped_texts
    if word in START_WORDS or (stopped and _says_yes(turn.message)):
        return ConsentWord.START
    return ConsentWord.HELP if word in HELP_WORDS else None


def act_on_opt_out(turn: Turn, word: ConsentWord) -> bool:
    """Stop or restart texts, or say what Warmline is. STOP closes no handoff: a person does."""
    person = turn.person
    match word:
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
                note_about(turn.session, person, "texts.started", by=person, now=turn.now)
            turn.say("started", program=turn.conversation.program.name)
        case ConsentWord.HELP:
            is_staff = person is not None and person.role is not Role.MENTEE
            key = "mentor_help" if is_staff else "help"
            turn.say(key, program=turn.conversation.program.name)
    return True


def _stop_texts(turn: Turn, person: Person) -> None:
    key = _confirmation(turn.message, again=person.opted_out_at is not None)
    if key is not None:  # while texts may still be sent
        turn.say(key, program=turn.conversation.program.name)
    if person.opted_out_at is None:
        person.opted_out_at = turn.now
        note_about(turn.session, person, "texts.stopped", by=person, now=turn.now)
        if person.role is not Role.MENTEE:
            tell_managers(turn, person, "staff_stopped")


def _stop_texts_to_stranger(turn: Turn) -> None:
    key = _confirmation(turn.message, again=turn.conversation.has_stopped_texts)
    if key is not None:
        turn.say(key, program=turn.conversation.program.name)
    turn.conversation.stopped_at = turn.conversation.stopped_at or turn.now


def _confirmation(message: Message, *, again: bool) -> str | None:
    """We confirm each STOP on the web; by text the first one, unless the carrier confirms it."""
    if message.channel is Channel.WEB:
        return "texts_stopped"
    by_carrier = message.channel is Channel.SMS and _carriers_word(message.words)
    return None if by_carrier or again else STOP_CONFIRMED


def _carriers_word(words: str) -> bool:
    return without_punctuation(words).casefold() in STOP_WORDS


def _says_yes(message: Message) -> bool:
    """By text only: in the chat, YES answers the question there."""
    yes = {bare(in_language(language, "YES", context="consent")) for language in LANGUAGES}
    return message.channel is not Channel.WEB and bare(message.words) in yes
