"""Reads a mentor's text by its words alone: a typed command, perhaps one, or words for a mentee.

Signatures, quoted texts, quotation marks, emoji, and manners ("please", "on my way") do not count,
nor do case, spaces, and punctuation. A command names its handoff by a code
(escalation/handoffs/codes.py). Reading fails closed: a text with a code in it, or with a command's
word or a typing error of one in front, is a command or is asked about, never sent on by itself. A
word that people also use in a sentence ("take care", "later mate", "on my way", "note to self") is
words when no code, colon, or command's form says otherwise.

Whether the command makes sense for this mentor now is checked in commands.py. No command is a word
that carriers treat as consent (STOP, END, ...).
"""

import re
from dataclasses import dataclass, field

from escalation.handoffs.codes import CODE, DIGITS, LENGTH, LETTERS
from escalation.received.undecorate import quotes_us, undecorate, within_one_edit
from gateway.pipeline.mentor.reading.everyday import ORDINARY, split_manners, without_manners
from models import Outcome

WORDS = (
    *("take", "pass", "done", "waiting", "brief", "give", "accept"),
    *("later", "away", "off", "on", "note", "debrief", "talk", "send"),
)
ALONE = ("on", "talk")
NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
# What dictation makes of the digits in a code.
HEARD = NUMBERS | {"to": "2", "too": "2", "tree": "3", "for": "4", "ate": "8"}

SPACED_CODE = re.compile(
    rf"\#?\s*([{LETTERS}](?:[\s-]?[{LETTERS}{DIGITS}]){{{LENGTH - 1}}})(?![a-z0-9])[\s:.,-]*",
    re.IGNORECASE,
)
WORD_WITH_DIGIT = re.compile(r"\#?\s*([a-z0-9]{1,9})(?![a-z0-9])[\s:.,-]*", re.IGNORECASE)
# What may stand between a command's word and the rest.
GAP = " \t\r\n:.,;!-_/\\=>*\"'"
TOKEN = re.compile(r"[a-z0-9]+", re.IGNORECASE)
# "TAKE number K4RT", "DONE with K4RT".
BETWEEN = re.compile(
    r"(?:(?:the|my|this|one|number|no\.?|nr\.?|code|handoff|case|with|for|on|about|is)\b[\s:.,#-]*)+",
    re.IGNORECASE,
)
MINUTES = re.compile(
    r"(?:in\s+)?(\d{1,9})\s*(m|mins?|minutes?|h|hrs?|hours?)?[\s.!]*", re.IGNORECASE
)
WAITING = re.compile(r"(?:who'?s|who is|anyone|anybody|any one) waiting\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Typed:
    """A command's word in lower case, the code after it in capitals, and the rest.

    `shouted`: the word was in capitals, as in our texts.
    """

    word: str
    code: str | None
    rest: str
    shouted: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Unclear:
    """A text that may be the command with this word, or may be words for a mentee."""

    word: str | None


def read_command(words: str) -> Typed | Unclear | None:
    """The command in a text, or None when the text is words for a mentee."""
    said = undecorate(words)
    politely, plain = split_manners(said)
    read = _read(plain)
    if isinstance(read, Typed) and politely and not read.code and read.word not in ("take", "done"):
        # "ok later" and "hey, talk" say nothing by themselves; "ok off" might be OFF.
        return None if read.word in ("later", "talk") else Unclear(read.word)
    if isinstance(read, Typed | Unclear):
        return read
    if quotes_us(words) or has_code(said):
        return Unclear(None)
    return None


def _read(said: str) -> Typed | Unclear | None:
    if WAITING.fullmatch(said):
        return Typed("waiting", None, "")
    if (split := _split_word(said)) is None:
        return _read_misspelled(said)
    written, word, after = split
    tail = after.lstrip(GAP)
    if word in ("note", "debrief"):
        return _read_private(word, tail, meant=written.isupper() or after.startswith(":"))
    code, rest = _code_after(tail)
    if code is None and word in ALONE:
        return Typed(word, None, "") if not without_manners(tail) else None
    if word in ("away", "off"):
        if code is not None and CODE.fullmatch(code):
            return Unclear(word)
        rest = tail.strip() if without_manners(tail) else ""
        return Typed(word, None, rest, shouted=written.isupper())
    if word == "later":
        return _read_later(tail, code, rest)
    if code is None:
        return _read_without_code(written, word, tail)
    if word in ALONE or not _has_form(word, code, rest):
        return Unclear(word) if CODE.fullmatch(code) or _is_near(code) else None
    return Typed(word, code, rest.strip())


def _split_word(said: str) -> tuple[str, str, str] | None:
    """The command's word as written and in lower case, and what follows, also in TAKEK4RT."""
    first = TOKEN.match(said)
    if first is None:
        return None
    token = first[0].casefold()
    for word in WORDS:
        for form in (word, f"{word}s") if word == "note" else (word,):
            glued = token.removeprefix(form)
            if glued == token:
                continue
            takes_code = word not in (*ALONE, "away", "off", "send")
            if not glued or (takes_code and (glued.isdecimal() or _is_code(glued))):
                end = len(form)
                return said[:end], word, said[end:]
    return None


def _has_form(word: str, code: str, rest: str) -> bool:
    """Whether a command with a code is one. With a real code's form, words after it do not
    matter; "take 2 deep breaths" and "pass the test 7 times" are words."""
    return (
        CODE.fullmatch(code) is not None
        or not without_manners(rest)
        or word == "give"
        or (word == "done" and read_outcome(rest) is not None)
    )


def _read_without_code(written: str, word: str, tail: str) -> Typed | Unclear | None:
    rest = _trimmed(tail)
    if not without_manners(tail):
        return Typed(word, None, "")
    if number := NUMBERS.get(without_manners(tail).casefold()):
        return Typed(word, number, "")
    if word == "done" and read_outcome(rest):
        return Typed(word, None, rest)
    if word == "give" and re.match(r"to\b", rest, re.IGNORECASE):
        return Typed(word, None, rest)
    if _looks_like_lost_code(rest):
        return Unclear(word)
    # TAKE MAYA: in capitals, with few words after it. People shout "TAKE CARE", too.
    shouted = written.isupper() and len(rest.split()) < 4
    is_saying = rest.isupper() and (len(rest.split()) > 1 or rest in ("CARE", "IT", "THAT"))
    return Unclear(word) if shouted and not is_saying else None


def _read_private(word: str, tail: str, *, meant: bool) -> Typed | None:
    """NOTE and DEBRIEF: a colon or capitals suffice, because their words are for the team."""
    code, rest = _code_after(tail)
    if word == "debrief":
        return Typed(word, None, _trimmed(tail))
    if code is not None:
        return Typed(word, code, rest.strip())
    rest = _trimmed(tail)
    return Typed(word, None, rest) if not rest or meant else None


def _read_later(tail: str, code: str | None, rest: str) -> Typed | None:
    bare = without_manners(tail)
    if not bare:
        return Typed("later", None, "")
    if (minutes := MINUTES.fullmatch(bare)) or ":" in bare[:5]:
        code = None
    elif code is not None:
        bare = without_manners(rest)
        minutes = MINUTES.fullmatch(bare)
        if not bare or (minutes is None and CODE.fullmatch(code)):
            return Typed("later", code, bare)
    if minutes is None:
        return None
    return Typed("later", code, f"{minutes[1]} {(minutes[2] or '').lower()}".strip())


def _read_misspelled(said: str) -> Typed | Unclear | None:
    """A command whose word has one typing error. With a code behind it, it is carried out."""
    first = TOKEN.match(said)
    if first is None:
        return None
    token = first[0].casefold()
    glued = token[-LENGTH:] if _is_code(token[-LENGTH:]) and len(token) > LENGTH else ""
    head = token.removesuffix(glued) if glued else re.sub(r"\d+$", "", token)
    word = next((one for one in WORDS if len(one) > 3 and within_one_edit(head, one)), None)
    if word is None:
        return None
    tail = said[len(head) :]
    code, _ = _code_after(tail)
    if code is not None and CODE.fullmatch(code):
        return _read(f"{word} {tail}")
    is_ordinary = head in ORDINARY and code is None and ":" not in tail[:2]
    return None if is_ordinary else Unclear(word)


def read_outcome(rest: str) -> Outcome | None:
    outcome, _ = split_outcome(rest)
    return outcome


FORMS = {
    Outcome.NOANSWER: r"no[\s_-]*(?:answers?|reply|response)|unanswered",
    Outcome.NOTNEEDED: r"not?[\s_-]*need(?:ed)?",
    Outcome.REFERRED: r"refer+ed",
    Outcome.TALKED: r"talked",
}
NOTHING = re.compile(
    r"(?:no|not|non|none|nothing|never|nobody|noone|[a-z]+n'?t|cannot|unable|failed)\b",
    re.IGNORECASE,
)


def split_outcome(rest: str) -> tuple[Outcome | None, str]:
    """What DONE was followed by: the outcome, if it begins with one, and the reason."""
    rest = rest.strip(" \t\r\n:.,-")
    for outcome, form in FORMS.items():
        if found := re.match(rf"(?:{form})(?!\w)[\s:.,-]*", rest, re.IGNORECASE):
            return outcome, rest[found.end() :].strip()
    first = re.match(r"[a-z]{6,}", rest, re.IGNORECASE)
    for outcome in Outcome:
        if first and within_one_edit(first[0].casefold(), outcome.value):
            return outcome, rest[first.end() :].strip(" \t\r\n:.,-")
    return None, rest


def is_unclear_outcome(rest: str) -> bool:
    """Whether the words after DONE begin with a no that is none of the outcomes."""
    return read_outcome(rest) is None and NOTHING.match(rest.strip()) is not None


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
    for said in (words.lstrip(), undecorate(words)):
        code, rest = split_code(said)
        if code and (said.startswith("#") or CODE.fullmatch(said[:LENGTH].upper())):
            return code, rest
    return None, words


def has_code(words: str) -> bool:
    """Whether the words contain something with the form of a code, not only in front of them."""
    _, rest = read_addressed(words)
    return any(_is_code(one) for one in TOKEN.findall(rest))


def _code_after(tail: str) -> tuple[str | None, str]:
    """The code after a command's word, also with words between, or as dictation writes it."""
    for start in (tail, tail[found.end() :] if (found := BETWEEN.match(tail)) else tail):
        code, rest = split_code(start)
        if code is not None:
            return code, rest
    heard = re.sub(r"[a-z]+", lambda one: HEARD.get(one[0].casefold(), one[0]), tail, flags=re.I)
    matched = SPACED_CODE.match(heard)
    if matched and re.search(r"\d", matched[1]) and not without_manners(heard[matched.end() :]):
        return re.sub(r"[\s-]", "", matched[1]).upper(), ""
    return None, tail


def _is_code(token: str) -> bool:
    return CODE.fullmatch(token.upper()) is not None


def _is_near(code: str) -> bool:
    """A code with a typing error: letters and digits, a letter first."""
    return LENGTH - 1 <= len(code) <= LENGTH + 1 and code[0].isalpha() and not code.isalpha()


def _looks_like_lost_code(rest: str) -> bool:
    """TAKE KRT: a code whose digit is missing. Codes have no vowels, so this is no word."""
    return re.fullmatch(rf"#?[{LETTERS}]{{{LENGTH - 1},{LENGTH}}}", rest, re.IGNORECASE) is not None


def _trimmed(tail: str) -> str:
    return tail.strip(" \t\r\n:.,-")
