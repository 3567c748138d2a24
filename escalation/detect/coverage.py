"""Is a message in a language that the detector was made for?

By words, not by a language model: those of English are known (spelling.py), and every language
writes mostly little words, of which a few dozen are listed for each (coverage.toml).
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from escalation.detect.lexicon import SPANISH, load_lexicon
from escalation.detect.normalize import fold
from escalation.detect.spelling import english
from escalation.signals import Axis

LANGUAGES = Path(__file__).with_name("coverage.toml")

# A message is covered when more than this share of its words is English. Measured on our own
# examples and on sentences in 58 other languages, cut to 4 to 14 words.
ENGLISH_SHARE = 0.5
# Of fewer words, one must be known from another language: "gm", "brb" and names are no evidence.
FEW = 4
# How often a word was counted before it is evidence of English by itself.
COUNTED = 100

# What a message shows on the whole: the mean label of the 1,869 turns of our own conversations.
USUAL = {Axis.CRISIS: 0.03, Axis.CONNECTION: 0.35, Axis.TOOLS: 0.09}

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

LINK = re.compile(r"\b(?:https?://|www\.)\S+")


@dataclass(frozen=True)
class FunctionWords:
    """`spanish` are those of the others by which a message is read as Spanish, too."""

    english: frozenset[str]
    others: frozenset[str]
    spanish: frozenset[str]


@cache
def _function_words() -> FunctionWords:
    lists = tomllib.loads(LANGUAGES.read_text("utf-8"))
    ours = frozenset(lists["english"].split())
    others = frozenset(word for words in lists["others"].values() for word in words.split())
    spanish = load_lexicon(SPANISH).signs.union(lists["others"]["spanish"].split()) - ours
    return FunctionWords(ours, (others - ours) | spanish, spanish)


def covered(text: str) -> bool:
    """False for words in another language or script. True where there are no words to judge by.

    Never raises. Of a message in two languages, more than half of the words must be English.
    """
    words = WORD.findall(LINK.sub(" ", fold(text).text))
    if not words:
        return True
    if _mostly_english(words):
        return True
    return len(words) < FEW and not any(map(_is_another_language, words))


def may_be_spanish(folded: str) -> bool:
    """Whether a word of a folded text is known as Spanish, or its words are mostly not English."""
    words = WORD.findall(folded)
    if not _function_words().spanish.isdisjoint(words):
        return True
    return bool(words) and not _mostly_english(words)


def less_sure(score: float, axis: Axis) -> float:
    """A head's score of words that it was not made for: half of it is what messages usually show.

    For heads alone. What a rule saw, it saw.
    """
    return (score + USUAL[axis]) / 2


def _mostly_english(words: Sequence[str]) -> bool:
    return sum(map(_is_english, words)) > ENGLISH_SHARE * len(words)


def _is_english(word: str) -> bool:
    first = word.partition("'")[0]
    little = _function_words()
    if first in little.english:
        return True
    if _is_another_language(first):
        return False
    return english().count(first) >= COUNTED or first in load_lexicon().spellings.words


def _is_another_language(word: str) -> bool:
    # What folding leaves in other letters is no English word.
    return not word.isascii() or word in _function_words().others
