"""Reads a mentor's text by its words alone: a typed command, or words for a mentee.

A command names its handoff by a code (escalation/handoffs/codes.py), in any case and with or
without spaces. Any word with a digit counts as one, so that a mistyped code never goes to a mentee.

Case, spaces, and punctuation do not matter. A word that people also use in a sentence ("take care",
"later mate", "on my way", "note to self") is a command only when the whole text has a command's
form. Whether the command makes sense for this mentor now is checked in commands.py.

No command is a word that carriers treat as consent (STOP, END, ...).
"""

import re
from dataclasses import dataclass

from escalation.handoffs.codes import CODE, DIGITS, LENGTH, LETTERS
from models import Outcome

WORDS = (
    *("take", "pass", "done", "waiting", "brief", "give", "accept"),
    *("later", "away", "off", "on", "note", "debrief", "talk"),
)
COMMAND = re.compile(
    rf"\s*(?P<word>{'|'.join(WORDS)})\b[\s:.,-]*(?P<tail>.*)", re.IGNORECASE | re.DOTALL
)
SPACED_CODE = re.compile(
    rf"\#?\s*([{LETTERS}](?:[\s-]?[{LETTERS}{DIGITS}]){{{LENGTH - 1}}})\b[\s:.,-]*", re.IGNORECASE
)
WORD_WITH_DIGIT = re.compile(r"\#?\s*([a-z0-9]{1,9})\b[\s:.,-]*", re.IGNORECASE)
MINUTES = re.compile(r"(\d{1,9})\s*(m|mins?|minutes?|h|hrs?|hours?)?[\s.!]*", re.IGNORECASE)


@dataclass(frozen=True)
class Typed:
    """A command's word in lower case, the code after it in capitals, and the rest."""

    word: str
    code: str | None
    rest: str


def read_command(words: str) -> Typed | None:
    """The command in a text, or None when the text is words for a mentee.

    TAKE, PASS, ACCEPT, BRIEF, and WAITING come alone or with a code, ON and TALK alone. DONE may
    be followed by a code, an outcome, and a reason, but "done with work soon" is words. NOTE
    takes a code and then anything. In capitals it is a command without a code, too: then
    Warmline asks for the code, so that a note never goes to a mentee by mistake.
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
    code, rest = split_code(tail)
    rest = rest.strip(" \t\r\n:.,-") if code is None else rest.strip()
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


def split_code(words: str) -> tuple[str | None, str]:
    """The code that the words begin with, in capitals and without spaces, and what follows it."""
    for pattern in (SPACED_CODE, WORD_WITH_DIGIT):
        matched = pattern.match(words)
        if matched and re.search(r"\d", matched[1]):
            return re.sub(r"[\s-]", "", matched[1]).upper(), words[matched.end() :]
    return None, words


def read_addressed(words: str) -> tuple[str | None, str]:
    """The code in front of words for a mentee, and the words.

    Behind a # it may be any word with a digit. Without it, only the exact form of a code counts:
    "7pm is fine" is words.
    """
    said = words.lstrip()
    code, rest = split_code(said)
    if code is None or not (said.startswith("#") or CODE.fullmatch(said[:LENGTH].upper())):
        return None, words
    return code, rest


def _read_later(tail: str) -> Typed | None:
    if not tail:
        return Typed("later", None, "")
    code, rest = None, tail
    if not MINUTES.fullmatch(tail) and ":" not in tail:
        code, rest = split_code(tail)
    if code is not None and not rest.strip():
        return Typed("later", code, "")
    minutes = MINUTES.fullmatch(rest)
    if minutes is None:
        return None
    return Typed("later", code, f"{minutes[1]} {(minutes[2] or '').lower()}".strip())


def split_outcome(rest: str) -> tuple[Outcome | None, str]:
    """What DONE was followed by: the outcome, if it begins with one, and the reason."""
    outcome = read_outcome(rest)
    if outcome is None:
        return None, rest
    reason = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[1:]
    return outcome, reason[0].strip() if reason else ""
