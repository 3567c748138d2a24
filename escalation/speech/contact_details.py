"""Contact details in what a mentor writes to a mentee: they are delivered, and managers see it."""

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
    r"|facebook|fb|messenger|venmo|cash ?app|roblox|steam|xbox|psn|skype"
)
STREET = (
    r"(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|ct|boulevard|blvd|way|place|pl"
    r"|terrace|circle|parkway|pkwy|highway|hwy|apt|apartment)"
)
# "20 minutes on the road" is no address.
NO_STREET = r"(?:on|the|of|to|a|an|my|your|and|in|minutes?|hours?|days?|miles?|more|times)\b"
DIGIT_WORDS = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
PATTERNS = {
    Contact.EMAIL: rf"[\w.+-]+{AT}[\w-]+(?:{DOT}[\w-]+)*{DOT}{TLD}\b",
    Contact.LINK: rf"https?://\S+|\bwww\.\S+|(?<![@\w.])[\w-]+(?:\.[\w-]+)*\.{TLD}\b(?:/\S*)?",
    Contact.HANDLE: (
        r"(?<![\w.])@[a-z_][\w.]{2,}"
        r"|\b(?:my|me on|add me|dm me|find me|follow me|text me|hit me up)\b"
        rf"[^.!?\n]{{0,25}}\b(?:{APPS})\b"
        rf"|\b(?:{APPS})\b\s*(?:(?:user)?name\s*)?(?:is\s+(?=\S*[\d_.@]\w)\S+|[:=]\s*\S+)"
        r"|\bwhats ?app me\b"
        r"|\b(?:my )?(?:user ?name|gamer ?tag|handle) (?:is|:)\s*\S+"
    ),
    Contact.ADDRESS: rf"\b\d{{1,5}} (?:[nsew]\.? )?(?:(?!{NO_STREET})[a-z'-]+ ){{1,3}}{STREET}\b",
    Contact.PHONE: rf"(?:\b(?:{DIGIT_WORDS})\b[\s,-]*){{7,}}",
}
FOUND = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in PATTERNS.items()}
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
    if SEPARATED.search(without_lines) or any(True for _ in numbers):
        found.add(Contact.PHONE)
    return [kind for kind in Contact if kind in found]
