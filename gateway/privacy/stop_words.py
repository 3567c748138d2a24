"""The words by which people stop, restart, or ask about texts, or say that a number is wrong."""

import re

from escalation.received.undecorate import undecorate
from gateway.conversations.quick_replies import one_word

# The carriers' own words, as Twilio lists them; a message counts only as that bare word.
STOP_WORDS = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
)
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})

# People may stop texts in any reasonable words (47 CFR 64.1200(a)(10), in force since April 2025).
# The whole message must say so: "he won't stop texting me" is about another person. For other
# languages, the catalogs list such words beside their STOP.
PLEASE = r"please|pls|plz|thanks|thank you|thx|ok|okay"
BEFORE = rf"(?:(?:hi|hey|no|just|sorry|{PLEASE}|can you|could you|would you|you can),? )*"
AFTER = (
    rf"(?:[,.!]* (?:{PLEASE}|again|any ?more|ever|now|right now|at all|immediately|asap"
    r"|from (?:this|your|the) (?:list|number|program)|this number))*"
)
TEXTS = (
    r"(?:(?:any|all|more|of|the|these|those|your|such|text) )*"
    r"(?:texts|text messages|messages|sms|reminders|notifications|alerts)"
)
ME = r"(?:me|(?:my|this) (?:phone )?number|my phone)"
LIST = r"(?:this|the|your) (?:list|texts|system|phone)"
ASKS_TO_STOP = (
    rf"(?:stop|quit) (?:texting|messaging|contacting|writing|writing to) {ME}",
    rf"(?:stop|quit) sending (?:me )?(?:{TEXTS}|these|this|stuff)(?: to me)?",
    rf"(?:stop|end|no more) {TEXTS}",
    rf"(?:do not|don'?t|never) (?:text|message|contact|sms|write|write to) {ME}",
    rf"(?:take|remove|delete) {ME}(?: (?:off|from|out of)(?: {LIST})?)?",
    rf"(?:lose|unsubscribe|opt out) {ME}|opt me out|opt[ -]out",
    r"i (?:want to|would like to|wanna) (?:unsubscribe|opt out)",
    rf"i (?:want to|would like to|wanna) stop (?:getting|receiving) {TEXTS}",
    rf"i (?:do not|don'?t) want (?:to get |to receive )?{TEXTS}(?: from you)?",
)
ASKING = re.compile(rf"{BEFORE}(?:{'|'.join(ASKS_TO_STOP)}){AFTER}")
# "Stop. Thank you", "stop now please".
POLITELY = re.compile(rf"(?:{'|'.join(sorted(STOP_WORDS))}){AFTER}")

IS_WRONG = (
    r"(?:(?:you(?:'ve| have)?|u)(?: got| have)? |(?:this|that) is |(?:it|that)'?s )?"
    r"(?:the |a )?wrong (?:number|person|phone)",
    r"new (?:phone|number),? who(?:'?s| is)? (?:dis|this)",
    r"(?:(?:tiene|tienes|tienen|es) )?(?:el |un )?n[uú]mero equivocado",
    r"se equivoc[oó] de n[uú]mero",
)
WRONG_BEFORE = r"(?:(?:hi|hey|hello|sorry|um|no|i think|i believe|please|but),? )*"
WRONG_AFTER = (
    rf"(?:[,.!?]*(?:^|\s)(?:sorry|bro|dude|lol|man|sir|ma'?am|here|and|{PLEASE}"
    r"|i don'?t know (?:you|who (?:this|that) is)|stop texting(?: me)?"
    rf"|(?:remove|delete|lose|take) {ME}(?: (?:off|from)(?: {LIST})?)?))*"
)
WRONG_NUMBER = re.compile(rf"{WRONG_BEFORE}(?:{'|'.join(IS_WRONG)}){WRONG_AFTER}")


def asks_to_stop(words: str) -> bool:
    """Whether a mentee asks for no more texts, with the carriers' word or in other words."""
    plain = plain_words(words)
    if one_word(plain) in STOP_WORDS or stops_politely(plain):
        return True
    return ASKING.fullmatch(plain) is not None


def stops_politely(plain: str) -> bool:
    """Whether it is the carriers' own word with nothing but manners."""
    return POLITELY.fullmatch(plain) is not None


def says_wrong_number(words: str) -> bool:
    return WRONG_NUMBER.fullmatch(plain_words(words)) is not None


def plain_words(words: str) -> str:
    """In lower case, without signature, quotation marks, and repetitions: STOP STOP STOP."""
    plain = " ".join(undecorate(words).casefold().split())
    plain = re.sub(r"^\W+|\W+$", "", plain)
    repeated = re.fullmatch(r"(\w+)(?:[\s.,!]+\1)+", plain)
    return repeated[1] if repeated else plain
