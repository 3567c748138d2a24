"""STOP, START and HELP: consent to be texted, which is apart from everything else."""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from escalation.speech.i18n import LANGUAGES, bare, in_language
from escalation.speech.message_writer import STOP_CONFIRMED, say
from gateway.conversations.keywords import one_word, without_punctuation
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from models import Channel, Conversation, Message, Person, Role

# The carriers' own words, as Twilio lists them; a message counts only as that bare word.
STOP_WORDS = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
)
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})

# Whoever is texted may end it in any reasonable words (47 CFR 64.1200(a)(10), in force since
# April 2025). A whole message that says this and nothing else: "he won't stop texting me" is
# about somebody else. In other languages they stand in the catalogs, beside their STOP.
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
    """Whether a mentee's message asks for an end of texts, by the carriers' word or another."""
    if one_word(words) in STOP_WORDS:
        return True
    plain = " ".join(words.casefold().replace("\u2019", "'").split()).strip(" .!")
    return ASKS_TO_STOP.fullmatch(plain) is not None


def is_about_consent(words: str) -> bool:
    return asks_to_stop(words) or one_word(words) in START_WORDS | HELP_WORDS


def act_on_consent(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> bool:
    """Act on a consent word and return True, or return False for any other message.

    STOP is no move: an open handoff stays open for a person to settle by another way. The
    carrier confirms its own words; what only we understand, we confirm, once. YES re-opens only
    for somebody who had stopped, and only by text: in the chat it answers what was asked there.
    """
    person = conversation.person
    program = conversation.program.name
    if _stops(person, message.words):
        if person is not None:
            key = _confirmation(message, again=person.opted_out_at is not None)
            if key is not None:  # before it is in force, so that it is written to be sent
                say(session, line.rules, conversation, key, now=now, program=program)
            if person.opted_out_at is None:
                person.opted_out_at = now
                note_about(session, person, "texts.stopped", by=person, now=now)
        return True
    if person is not None and person.opted_out_at and _opens_again(message):
        person.opted_out_at = None
        note_about(session, person, "texts.started", by=person, now=now)
        say(session, line.rules, conversation, "started", now=now, program=program)
        return True
    if one_word(message.words) in HELP_WORDS:
        staff = person is not None and person.role is not Role.MENTEE
        key = "mentor_help" if staff else "help"
        say(session, line.rules, conversation, key, now=now, program=program)
        return True
    return False


def _stops(person: Person | None, words: str) -> bool:
    """A mentor's other words are for the mentee they hold: of theirs only the carriers' count."""
    if person is None or person.role is Role.MENTEE:
        return asks_to_stop(words)
    return _carriers_word(words)


def _confirmation(message: Message, *, again: bool) -> str | None:
    """What is said to a stop: on the web always, by text once where no carrier confirms it."""
    if message.channel is Channel.WEB:
        return "texts_stopped"
    by_carrier = message.channel is Channel.SMS and _carriers_word(message.words)
    return None if by_carrier or again else STOP_CONFIRMED


def _carriers_word(words: str) -> bool:
    return without_punctuation(words).casefold() in STOP_WORDS


def _opens_again(message: Message) -> bool:
    if one_word(message.words) in START_WORDS:
        return True
    yes = {bare(in_language(language, "YES", context="consent")) for language in LANGUAGES}
    return message.channel is not Channel.WEB and bare(message.words) in yes
