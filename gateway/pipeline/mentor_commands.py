"""What a mentor's text says, by its words alone: a command, or words for somebody.

Tolerant of case, spaces and punctuation. A word that people also use in a sentence ("take care",
"later mate", "on my way", "note to self") is a command only in the shape of one. What that shape
means in the place where the mentor stands is for gateway/pipeline/mentor_texts.py.

No command is a word that carriers read as consent (STOP, END, ...).
"""

import re
from dataclasses import dataclass

from models import Outcome

COMMAND = re.compile(
    r"""\s*(?P<word>take|done|pass|waiting|later|brief|note|away|on|off|give|accept|debrief|talk)\b
        [\s:.,-]*(?P<tail>.*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
NUMBERED = re.compile(
    r"(?:\#?\s*(?P<code>\d{1,9})\b)?[\s:.,-]*(?P<rest>.*)", re.VERBOSE | re.DOTALL
)
# LATER 30, LATER #7 30, LATER 7 1 h. A colon between the numbers would make it a time of day.
PUT_OFF = re.compile(
    r"""(?P<hash>\#\s*)?(?P<first>\d{1,9})(?:[\s,]+(?P<second>\d{1,9}))?
        \s*(?P<unit>m|mins?|minutes?|h|hrs?|hours?)?[\s.!]*""",
    re.IGNORECASE | re.VERBOSE,
)
# '#7 hello' or '7: hello'. A bare '7 hello' may well be words: "7 is when I finish work".
ADDRESSED = re.compile(r"\s*(?:\#\s*(\d{1,9})\b[\s:.,-]*|(\d{1,9})\s*:\s*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One of COMMAND's words, the number after it if any, and the rest."""

    word: str
    code: int | None
    rest: str


def read_command(words: str) -> Command | None:
    """The command a text gives, or None when it is words for somebody.

    TAKE, PASS, ACCEPT, BRIEF and WAITING stand alone or with a number; ON and TALK stand alone.
    DONE may be followed by a number, an outcome and a reason, but "done with work soon" is words.
    NOTE takes a number and then anything; without one only capitals make it a command, and then
    it is asked for the number: a note must not go to a mentee by mistake.
    """
    matched = COMMAND.fullmatch(words)
    if matched is None:
        return None
    word, tail = matched["word"].lower(), matched["tail"].strip()
    if word in ("on", "talk"):
        return None if tail else Command(word, None, "")
    if word in ("away", "off", "debrief"):
        return Command(word, None, tail)
    if word == "later":
        return _put_off(tail)
    numbered = NUMBERED.fullmatch(tail)
    assert numbered is not None  # every part of it may be missing
    code = int(numbered["code"]) if numbered["code"] else None
    rest = numbered["rest"].strip()
    if word == "note":
        meant = code is not None or not rest or matched["word"] == "NOTE"
        return Command(word, code, rest) if meant else None
    if word == "give":
        meant = code is not None or re.match(r"to\b", rest, re.IGNORECASE)
        return Command(word, code, rest) if meant else None
    if rest and (word != "done" or (code is None and not read_outcome(rest))):
        return None
    return Command(word, code, rest)


def read_outcome(rest: str) -> Outcome | None:
    first = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[0].casefold()
    return next((outcome for outcome in Outcome if outcome.value == first), None)


def read_minutes(rest: str) -> int | None:
    """The minutes in what LATER was followed by, such as "30", "30 min" or "2 h"."""
    matched = re.fullmatch(r"(\d{1,9})\s*(\w*)", rest)
    if matched is None:
        return None
    return int(matched[1]) * (60 if matched[2].startswith("h") else 1)


def read_addressed(words: str, held: set[int]) -> tuple[int | None, str]:
    """The number a text is addressed to, if any, and the words after it."""
    matched = ADDRESSED.fullmatch(words)
    if matched is None:
        return None, words
    code = int(matched[1] or matched[2])
    # '7:' may be a time or a score; with the '#' it is always a number of ours.
    if matched[2] and code not in held:
        return None, words
    return code, matched[3]


def _put_off(tail: str) -> Command | None:
    """LATER with a number and minutes, with one of the two, or with neither."""
    if not tail:
        return Command("later", None, "")
    matched = PUT_OFF.fullmatch(tail)
    if matched is None:
        return None
    unit = (matched["unit"] or "").lower()
    if matched["second"]:
        return Command("later", int(matched["first"]), f"{matched['second']} {unit}".strip())
    if matched["hash"]:
        return None if unit else Command("later", int(matched["first"]), "")
    return Command("later", None, f"{matched['first']} {unit}".strip())
