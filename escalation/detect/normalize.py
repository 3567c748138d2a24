"""Undo disguises: curly quotes, invisible characters, look-alike letters, digits for letters.

For every character of the result we know its place in the original, so that evidence can quote the
message as it was written.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from escalation.lookalikes import INVISIBLE, latin, simplify

# A text message has at most 1,600 characters. Of a longer text we read the beginning and the end:
# people open with what moves them and close with what they need.
HEAD, TAIL = 1600, 400
# Some characters become several ("lol" for a laughing face). We read this many in all.
MOST = 2 * (HEAD + TAIL)

DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
LAUGHTER = frozenset("😂🤣💀☠😹😆")
SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}

LEET_INSIDE = re.compile(r"(?<=[a-z])[013457@$!]{1,3}(?=[a-z])")
LEET_LAST = re.compile(r"(?<=[a-z])(?<=[a-z]{2})3(?![a-z0-9])|(?<=[a-z]1)3(?![a-z0-9])")
LEET_FIRST = re.compile(r"(?<![a-z0-9$])\$(?=[a-z]{3})")
SPACED_OUT = re.compile(r"(?<![a-z0-9'])[a-z](?:[ ._*-][a-z]){3,40}(?![a-z0-9'])")
STRETCHED = re.compile(r"([a-z])\1{2,}")
GAPS = re.compile(r"[^\S\n]+")


@dataclass(frozen=True)
class Normalized:
    """Plain lower-case text. `starts[i]` and `ends[i]` bound, in the original, what became
    character `i`."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        return min(self.starts[start:end]), max(self.ends[start:end])

    def replace(
        self, pattern: re.Pattern[str], words: Callable[[re.Match[str]], str]
    ) -> "Normalized":
        """The new words keep the place of the match that they replace."""
        pieces, starts, ends, last = list[str](), list[int](), list[int](), 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            if start == end:
                continue
            new, (first, past) = words(match), self.original_span(start, end)
            pieces += [self.text[last:start], new]
            starts += [*self.starts[last:start], *[first] * len(new)]
            ends += [*self.ends[last:start], *[past] * len(new)]
            last = end
        if not pieces:
            return self
        text = "".join([*pieces, self.text[last:]])
        return Normalized(text, (*starts, *self.starts[last:]), (*ends, *self.ends[last:]))

    def stripped(self) -> "Normalized":
        """An emoji leaves white space, which would hide the end of a message from the rules."""
        first, past = len(self.text) - len(self.text.lstrip()), len(self.text.rstrip())
        return Normalized(self.text[first:past], self.starts[first:past], self.ends[first:past])


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    if char in LAUGHTER:
        return " lol "
    if char == "\n":
        return "\n"
    kind = unicodedata.category(char)
    if kind in INVISIBLE or char in SKIN_TONES:
        return ""
    if kind[0] in "CZ" or kind == "So":
        return " "
    return simplify(char.translate(DASHES)).translate(DASHES)


def _read(text: str) -> Iterable[tuple[int, str]]:
    if len(text) <= HEAD + TAIL:
        return enumerate(text)
    end = enumerate(text[-TAIL:], start=len(text) - TAIL)
    return chain(enumerate(text[:HEAD]), [(HEAD, "\n")], end)


def _unleet(match: re.Match[str]) -> str:
    return "".join(LEET.get(char, char) for char in match[0])


def _shorten(match: re.Match[str]) -> str:
    # "diiiie" is "die" and "killlll" is "kill"; no English word has three in a row.
    return match[1] if match[1] in "aiu" else match[1] * 2


def _join(match: re.Match[str]) -> str:
    return "".join(char for char in match[0] if char.isalpha())


def normalize(text: str) -> Normalized:
    """Never raises. Time grows with the text up to HEAD + TAIL characters and no further."""
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in _read(text):
        plain = _plain(char)
        if len(chars) + len(plain) > MOST:
            break
        chars += plain
        starts += [index] * len(plain)
        ends += [index + 1] * len(plain)
    plain = "".join(chars)
    if any("a" <= char <= "z" for char in plain):
        plain = latin(plain)
    result = Normalized(plain, tuple(starts), tuple(ends))
    result = result.replace(GAPS, lambda _: " ")
    result = result.replace(LEET_INSIDE, _unleet)
    result = result.replace(LEET_LAST, lambda _: "e")
    result = result.replace(LEET_FIRST, lambda _: "s")
    result = result.replace(STRETCHED, _shorten)
    return result.replace(SPACED_OUT, _join).stripped()
