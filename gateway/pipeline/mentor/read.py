"""Reads a mentor's text by its words alone: a typed command, or words for a mentee.

Case, spaces, and punctuation do not matter. A word that people also use in a sentence ("take care",
"later mate", "on my way", "note to self") is a command only when the whole text has a command's
form. Whether the command makes sense for this mentor now is checked in commands.py.

No command is a word that carriers treat as consent (STOP, END, ...).
"""

import re
from dataclasses import dataclass

from models import Outcome

WORDS = (
    *("take", "pass", "done", "waiting", "brief", "give", "accept"),
    *("later", "away", "off", "on", "note", "debrief", "talk"),
)
COMMAND = re.compile(
    rf"\s*(?P<word>{'|'.join(WORDS)})\b[\s:.,-]*(?P<tail>.*)", re.IGNORECASE | re.DOTALL
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
class Typed:
    """A command's word in lower case, the number after it, and the rest."""

    word: str
    code: int | None
    rest: str


def read_command(words: str) -> Typed | None:
    """The command in a text, or None when the text is words for a mentee.

    TAKE, PASS, ACCEPT, BRIEF, and WAITING come alone or with a number, ON and TALK alone. DONE may
    be followed by a number, an outcome, and a reason, but "done with work soon" is words. NOTE
    takes a number and then anything. In capitals it is a command without a number, too: then
    Warmline asks for the number, so that a note never goes to a mentee by mistake.
    """
    matched = COMMAND.fullmatch(words)
    if matched is None:
        return None
    word, tail = matched["word"].lower(), matched["tail"].strip()
    if word in ("on", "talk"):
        return None if tail else Typed(word, None, "")
    if word in ("away", "off", "debrief"):
        return Typed(word, None, tail)
    if word == "later":
        return _read_later(tail)
    numbered = NUMBERED.fullmatch(tail)
    assert numbered is not None  # every part of it may be missing
    code = int(numbered["code"]) if numbered["code"] else None
    rest = numbered["rest"].strip()
    if word == "note":
        meant = code is not None or not rest or matched["word"] == "NOTE"
        return Typed(word, code, rest) if meant else None
    if word == "give":
        meant = code is not None or re.match(r"to\b", rest, re.IGNORECASE)
        return Typed(word, code, rest) if meant else None
    if rest and (word != "done" or (code is None and not read_outcome(rest))):
        return None
    return Typed(word, code, rest)


def read_outcome(rest: str) -> Outcome | None:
    first = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[0].casefold()
    return next((outcome for outcome in Outcome if outcome.value == first), None)


def read_minutes(rest: str) -> int | None:
    """The minutes in "30", "30 min", or "2 h"."""
    matched = re.fullmatch(r"(\d{1,9})\s*(\w*)", rest)
    if matched is None:
        return None
    return int(matched[1]) * (60 if matched[2].startswith("h") else 1)


def read_addressed(words: str, held: set[int]) -> tuple[int | None, str]:
    matched = ADDRESSED.fullmatch(words)
    if matched is None:
        return None, words
    code = int(matched[1] or matched[2])
    # '7:' may be a time or a score; '#7' is always a handoff.
    if matched[2] and code not in held:
        return None, words
    return code, matched[3]


def _read_later(tail: str) -> Typed | None:
    if not tail:
        return Typed("later", None, "")
    matched = PUT_OFF.fullmatch(tail)
    if matched is None:
        return None
    unit = (matched["unit"] or "").lower()
    if matched["second"]:
        return Typed("later", int(matched["first"]), f"{matched['second']} {unit}".strip())
    if matched["hash"]:
        return None if unit else Typed("later", int(matched["first"]), "")
    return Typed("later", None, f"{matched['first']} {unit}".strip())


def split_outcome(rest: str) -> tuple[Outcome | None, str]:
    """What DONE was followed by: the outcome, if it begins with one, and the reason."""
    outcome = read_outcome(rest)
    if outcome is None:
        return None, rest
    reason = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[1:]
    return outcome, reason[0].strip() if reason else ""
