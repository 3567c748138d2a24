"""Reading through disguise: one plain spelling for the rules and the model.

People write with curly quotes, invisible characters, look-alike letters, digits for letters and
slang. Folding undoes that and remembers, for every folded character, which part of the original
it came from, so that evidence can quote the message as it was written.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from escalation.lookalikes import latin, simplify

# A text message is at most 1,600 characters. Of anything longer, the beginning and the end are
# read: people open with what moves them and close with what they need.
HEAD, TAIL = 1600, 400
# Some characters unfold into many ("lol" for a laughing face); this much is read of that.
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
class Folded:
    """Plain lower-case text. `starts[i]` and `ends[i]` bound, in the original, what became
    character `i`."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Bounds in the original message of the folded span `start:end`, which is not empty."""
        return min(self.starts[start:end]), max(self.ends[start:end])

    def replace(self, pattern: re.Pattern[str], words: Callable[[re.Match[str]], str]) -> "Folded":
        """Put other words in place of each match. They stand for the same part of the original."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            if match.start() == match.end():
                continue
            new = words(match)
            pieces += [self.text[last : match.start()], new]
            starts += self.starts[last : match.start()]
            ends += self.ends[last : match.start()]
            first, past = self.original_span(match.start(), match.end())
            starts += [first] * len(new)
            ends += [past] * len(new)
            last = match.end()
        if not pieces:
            return self
        pieces.append(self.text[last:])
        starts += self.starts[last:]
        ends += self.ends[last:]
        return Folded("".join(pieces), tuple(starts), tuple(ends))

    def stripped(self) -> "Folded":
        """Without white space at its ends: what an emoji leaves there hides the end of a message
        from the rules that look for it."""
        first, past = len(self.text) - len(self.text.lstrip()), len(self.text.rstrip())
        return Folded(self.text[first:past], self.starts[first:past], self.ends[first:past])


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """What one character reads as: nothing, a space, or plain lower-case letters."""
    if char in LAUGHTER:
        return " lol "
    if char == "\n":
        return "\n"
    kind = unicodedata.category(char)
    if kind in ("Cf", "Mn", "Me") or char in SKIN_TONES:
        return ""
    if kind[0] in "CZ" or kind == "So":
        return " "
    return simplify(char.translate(DASHES)).translate(DASHES)


def _read(text: str) -> Iterable[tuple[int, str]]:
    if len(text) <= HEAD + TAIL:
        yield from enumerate(text)
        return
    yield from enumerate(text[:HEAD])
    yield HEAD, "\n"
    yield from enumerate(text[-TAIL:], start=len(text) - TAIL)


def _unleet(match: re.Match[str]) -> str:
    return "".join(LEET.get(char, char) for char in match[0])


def _shorten(match: re.Match[str]) -> str:
    # "diiiie" is "die" and "killlll" is "kill"; three of a kind never stand in an English word.
    return match[1] if match[1] in "aiu" else match[1] * 2


def _join(match: re.Match[str]) -> str:
    return "".join(char for char in match[0] if char.isalpha())


def fold(text: str) -> Folded:
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
    folded = Folded(plain, tuple(starts), tuple(ends))
    folded = folded.replace(GAPS, lambda _: " ")
    folded = folded.replace(LEET_INSIDE, _unleet)
    folded = folded.replace(LEET_LAST, lambda _: "e")
    folded = folded.replace(LEET_FIRST, lambda _: "s")
    folded = folded.replace(STRETCHED, _shorten)
    return folded.replace(SPACED_OUT, _join).stripped()
