"""Finds contact details in a mentor's words to a mentee.

We deliver the words and tell the managers.
"""

import re
from enum import StrEnum

from phonenumbers import Leniency, PhoneNumberMatcher

from escalation.detect.normalize import normalize


class Contact(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    LINK = "link"
    HANDLE = "handle"
    ADDRESS = "address"


AT = r"(?:@|\s*[(\[{]\s*at\s*[)\]}]\s*|\s+at\s+)"
DOT = r"(?:\.|\s*[(\[{]\s*dot\s*[)\]}]\s*|\s+dot\s+)"
TLD = r"(?:com|org|net|edu|gov|io|me|co|us|uk|app|gg|ly|tv|info|be|chat|link|ee)"
APPS = (
    r"insta(?:gram)?|ig|snap(?:chat)?|sc|discord|tik ?tok|whats ?app|telegram|signal|kik|twitter"
    r"|facebook|fb|messenger|venmo|cash ?app|roblox|steam|xbox|psn|skype|bereal|we ?chat|viber"
    r"|group ?me|twitch|fortnite|minecraft"
)
STREET = (
    r"(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|ct|boulevard|blvd|way|place|pl"
    r"|terrace|circle|parkway|pkwy|highway|hwy|apt|apartment)"
)
# "20 minutes on the road" is no address.
NO_STREET = r"(?:on|the|of|to|a|an|my|your|and|in|minutes?|hours?|days?|miles?|more|times)\b"
MAIL = r"(?:gmail|yahoo|hotmail|outlook|icloud|proton(?:mail)?|aol)"
DIGIT_WORDS = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
PATTERNS = {
    Contact.EMAIL: (
        rf"[\w.+-]+{AT}[\w-]+(?:{DOT}[\w-]+)*{DOT}{TLD}\b|[\w.+-]+{AT}{MAIL}\b"
        rf"|\b(?:e-?mail|{MAIL}) is (?=\S*[\d_.]\w)[\w.+-]+"
    ),
    Contact.LINK: rf"https?://\S+|\bwww\.\S+|(?<![@\w.])[\w-]+(?:\.[\w-]+)*\.{TLD}\b(?:/\S*)?",
    Contact.HANDLE: (
        r"(?<![\w.])@[a-z_][\w.]{2,}"
        r"|\b(?:my|me on|add me|dm me|find me|follow me|text me|hit me up)\b"
        rf"[^.!?\n]{{0,25}}\b(?:{APPS})\b"
        rf"|\b(?:{APPS})\b\s*(?:(?:user)?name\s*)?(?:is\s+(?=\S*[\d_.@]\w)\S+|[:=]\s*\S+)"
        rf"|\bon (?:{APPS})\b[^.!?\n]{{0,12}}\b(?:as|im|i'm|i am)\s+\w+"
        rf"|\b(?:{APPS})\b.{{0,30}}\b(?:user ?name|handle|tag)\b\s*(?:is\b|:)?\s*\S+"
        rf"|\b(?:{APPS})\b[^.!?\n]{{0,12}}@ ?\w+"
        r"|\b(?:whats ?app|kik|snap|skype) me\b"
        r"|\b\w{2,}#\d{4}\b"
        r"|\b(?:my )?(?:user ?name|gamer ?tag|handle) (?:is|:)\s*\S+"
    ),
    Contact.ADDRESS: (
        rf"\b\d{{1,5}} (?:[nsew]\.? )?(?:(?!{NO_STREET})(?:[a-z'-]+|\d+(?:st|nd|rd|th)) ){{1,3}}"
        rf"{STREET}\b|\bp\.? ?o\.? box \d+"
    ),
    Contact.PHONE: rf"(?:\b(?:{DIGIT_WORDS})\b[\s,-]*){{7,}}",
}
FOUND = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in PATTERNS.items()}
VALUES = dict(zip(DIGIT_WORDS.split("|"), "00123456789", strict=True))
# "5five5 0one6six".
MIXED = re.compile(rf"\b(?=[a-z]*\d)(?:\d|{DIGIT_WORDS})+\b", re.IGNORECASE)
# Without its area code.
LOCAL = re.compile(r"(?<![\d.,$])\d{3}[-. ]?\d{4}(?![\d,%])")
SEPARATED = re.compile(r"(?<!\w)\+?\(?\d(?:[\s().\-_/*]{0,3}\d){9,13}(?!\w)")
# Crisis lines and other help, which a mentor should give.
HELP_LINES = re.compile(r"(?:1[\s.-]?)?\(?8(?:00|33|44|55|66|77|88)\)?[\s.-]?\d{3}[\s.-]?\d{4}")


def find_contact_details(words: str) -> list[Contact]:
    """The kinds of contact details in the words, each once."""
    without_lines = HELP_LINES.sub(" ", words)
    plain = normalize(without_lines).text
    found = {
        kind
        for kind, pattern in FOUND.items()
        if pattern.search(without_lines)
        # Undoing disguises turns the @ of an e-mail address into an a: "samaschool.org".
        or (kind is not Contact.LINK and pattern.search(plain))
    }
    numbers = PhoneNumberMatcher(without_lines, "US", leniency=Leniency.POSSIBLE)
    digits = _in_digits(without_lines)
    if SEPARATED.search(digits) or LOCAL.search(digits) or numbers.has_next():
        found.add(Contact.PHONE)
    return [kind for kind in Contact if kind in found]


def _in_digits(words: str) -> str:
    """Without the variation selectors of keycap emojis, and with digit words beside digits."""
    bare = words.replace("\ufe0f", "").replace("\u20e3", "")
    return MIXED.sub(
        lambda mixed: re.sub(DIGIT_WORDS, lambda one: VALUES[one[0]], mixed[0].lower()), bare
    )
