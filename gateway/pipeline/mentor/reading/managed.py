"""Commands by which managers act on anybody's handoff: TAKEOVER K4RT, RAISE K4RT soon ….

The words are also English, so a text is a command only if a code follows, or if the word is in
capitals.
"""

import re
from dataclasses import dataclass

from gateway.pipeline.mentor.reading.read import split_code

# Words that raise to an urgency by themselves: CRISIS K4RT she has pills.
SHORT = ("crisis", "urgent")
WORDS = {
    "takeover": r"take\s?over",
    "release": "release",
    "assign": "assign",
    "raise": rf"raise|{'|'.join(SHORT)}",
    "lower": "lower",
    "close": "close",
}


@dataclass(frozen=True)
class Managed:
    verb: str
    code: str | None
    rest: str


def read_managed(verb: str, words: str) -> Managed | None:
    pattern = rf"\s*(?P<word>{WORDS[verb]})\b[\s:.,-]*(?P<tail>.*)"
    found = re.fullmatch(pattern, words, re.IGNORECASE | re.DOTALL)
    if found is None:
        return None
    code, rest = split_code(found["tail"])
    word = found["word"].lower()
    if code is None and (not found["word"].isupper() or word in SHORT):
        return None
    return Managed(verb, code, f"crisis {rest}" if word in SHORT else rest)


def verb_in_capitals(words: str) -> str | None:
    """The verb of the command with whose word, in capitals, the words begin."""
    for verb, pattern in WORDS.items():
        found = re.match(rf"(?:{pattern})\b", words, re.IGNORECASE)
        if found and found[0].isupper():
            return verb
    return None
