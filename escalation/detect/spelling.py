"""Correct slips of the finger: an unknown word is read as the common word one slip away.

A slip is a letter missed, doubled, swapped with the next or hit beside its key, or one vowel for
another. It is never in the first letter. pyspellchecker's list says which words are English and how
often film subtitles use each.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 4, 16
# How often films must use a word before a slip is read as it. A rarer word is about as likely as a
# name that is in no list.
COMMON = 1000
# "killin" is read as "killing", though films have it too, because that is so much more common.
MUCH_MORE = 20

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOWELS = "aeiouy"
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _around(row: int, place: int) -> str:
    # Each row is a little to the right of the one above.
    touching = [(row, place - 1), (row, place + 1), (row - 1, place), (row - 1, place + 1)]
    touching += [(row + 1, place - 1), (row + 1, place)]
    return "".join(
        KEYS[row][place]
        for row, place in touching
        if 0 <= row < len(KEYS) and 0 <= place < len(KEYS[row])
    )


BESIDE = {
    key: _around(row, place) for row, keys in enumerate(KEYS) for place, key in enumerate(keys)
}


@dataclass(frozen=True)
class Words:
    """Words in order, and their counts. A dictionary would take ten times the memory."""

    words: NDArray[np.bytes_]
    counts: NDArray[np.int32]
    common: frozenset[str]

    def count(self, word: str) -> int:
        """0 for a word that is not in the list."""
        sought = word.encode("ascii", "replace")
        at = int(np.searchsorted(self.words, np.bytes_(sought)))
        found = at < len(self.words) and self.words[at] == sought
        return int(self.counts[at]) if found else 0


@cache
def english() -> Words:
    packed = (files("spellchecker") / "resources" / "en.json.gz").read_bytes()
    counted: dict[str, int] = json.loads(gzip.decompress(packed))
    usable = [word for word in counted if word.isascii() and len(word) <= LONGEST]
    words = np.array(usable, dtype=np.bytes_)
    counts = np.array([counted[word] for word in usable], dtype=np.int32)
    order = np.argsort(words)
    words, counts = words[order], counts[order]
    # New strings, so that the memory of the parsed list can be freed.
    common = frozenset(word.decode() for word in words[counts >= COMMON].tolist())
    return Words(words, counts, common)


@lru_cache(maxsize=4096)
def meant(word: str, ours: frozenset[str] = frozenset()) -> str:
    """The common word that `word`, in lower case, is one slip away from; else the word itself.

    `ours` are words that count as common, though films do not use them.
    """
    if not _may_slip(word):
        return word
    words = english()
    count = words.count(word)
    if word.endswith("in") and len(word) > SHORTEST:
        whole = words.count(f"{word}g")
        if whole >= max(COMMON, MUCH_MORE * count):
            return f"{word}g"
    if count:
        return word
    near = {one for one in _one_slip_away(word) if one in words.common or one in ours}
    return max(near, key=lambda one: (words.count(one), one), default=word)


def _may_slip(word: str) -> bool:
    if not (word.isascii() and word.isalpha() and word.islower()):
        return False
    # A shorter word gets only a missing vowel: "hrt", "tlk".
    bare = len(word) == SHORTEST - 1 and not set(word) & set(VOWELS)
    return bare or SHORTEST <= len(word) <= LONGEST


def _one_slip_away(word: str) -> Iterator[str]:
    """Words of at least four letters with the same first letter: "noor" is not "nor"."""
    if len(word) < SHORTEST:
        yield from (word[:at] + vowel + word[at:] for at in (1, 2) for vowel in VOWELS)
        return
    for at in range(1, len(word)):
        before, letter, after = word[:at], word[at], word[at + 1 :]
        if letter == before[-1] and len(word) > SHORTEST:
            yield before + after
        if after:
            yield before + after[0] + letter + after[1:]
        yield from (before + beside + after for beside in BESIDE[letter])
        if letter in VOWELS:
            yield from (before + vowel + after for vowel in VOWELS)
    for at in range(1, len(word) + 1):
        yield from (word[:at] + letter + word[at:] for letter in LETTERS)
