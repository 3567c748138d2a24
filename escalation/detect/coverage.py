"""Whether a message is in a language that the detector was made for.

It goes by words: spelling.py knows the English ones, and coverage.toml lists a few dozen function
words of each other language.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from escalation.detect.lexicon import SPANISH, load_lexicon
from escalation.detect.normalize import normalize
from escalation.detect.spelling import english
from escalation.signals import Axis

LANGUAGES = Path(__file__).with_name("coverage.toml")

# A message is covered when more than this share of its words is English. Measured on our own
# examples and on sentences in 58 other languages, cut to 4 to 14 words.
ENGLISH_SHARE = 0.5
# A message of fewer words is not covered only if it has a word that we know from another language:
# "gm", "brb" and names are no evidence.
FEW = 4
# How often films must use a word before it is evidence of English by itself.
COUNTED = 100

# The mean label of the 1,869 turns of our own conversations.
USUAL = {Axis.CRISIS: 0.03, Axis.CONNECTION: 0.35, Axis.TOOLS: 0.09}

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
LINK = re.compile(r"\b(?:https?://|www\.)\S+")


@dataclass(frozen=True)
class FunctionWords:
    """`spanish` are those of the others that show that a message is in Spanish."""

    english: frozenset[str]
    others: frozenset[str]
    spanish: frozenset[str]


@cache
def _function_words() -> FunctionWords:
    lists = tomllib.loads(LANGUAGES.read_text("utf-8"))
    ours = frozenset(lists["english"].split())
    others = frozenset(" ".join(lists["others"].values()).split())
    spanish = load_lexicon(SPANISH).signs.union(lists["others"]["spanish"].split()) - ours
    return FunctionWords(ours, (others - ours) | spanish, spanish)


def covered(text: str) -> bool:
    """False for words in another language or script; True if there are no words to judge by.

    In a mix of two languages, more than half of the words must be English. Never raises.
    """
    words = WORD.findall(LINK.sub(" ", normalize(text).text))
    if not words or _mostly_english(words):
        return True
    return len(words) < FEW and not any(map(_is_another_language, words))


def may_be_spanish(normalized: str) -> bool:
    """Whether it has a Spanish word, or its words are mostly not English."""
    words = WORD.findall(normalized)
    if not _function_words().spanish.isdisjoint(words):
        return True
    return bool(words) and not _mostly_english(words)


def less_sure(score: float, axis: Axis) -> float:
    """A classifier's score for words it was not trained on, moved half-way to the usual score."""
    return (score + USUAL[axis]) / 2


def _mostly_english(words: Sequence[str]) -> bool:
    return sum(map(_is_english, words)) > ENGLISH_SHARE * len(words)


def _is_english(word: str) -> bool:
    first = word.partition("'")[0]
    if first in _function_words().english:
        return True
    if _is_another_language(first):
        return False
    return english().count(first) >= COUNTED or first in load_lexicon().spellings.words


def _is_another_language(word: str) -> bool:
    # Normalizing turned everything that looks like English into ASCII.
    return not word.isascii() or word in _function_words().others
