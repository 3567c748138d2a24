"""Comparing names as people type them, and names that nobody may have."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

from escalation.detect.normalize import normalize
from escalation.lookalikes import QUOTES

NamesMentee = Literal["initial", "first_name", "no"]

BOT = "warmline"
LONGEST_IN_ALERT = 12  # a longer name could make the text two SMS segments
WORD = re.compile(r"[a-z0-9]+")
# Whole words. "Ai", "Hope" and "Star" are first names, so they are not here.
RESERVED = frozenset(
    {
        *("bot", "robot", "chatbot", "assistant", "automated", "system", "sistema", "computer"),
        *("support", "soporte", "ayuda", "help", "helpdesk", "service", "staff", "team"),
        *("crisis", "crisisline", "helpline", "hotline", "lifeline", "textline", "emergency"),
        *("admin", "administrator", "moderator", "operator", "police", "911", "988"),
    }
)

# Letters that Unicode does not take apart into a letter and an accent, and hyphens.
PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def fold_name(name: str) -> str:
    """A name without case, accents, invisible characters, and kinds of apostrophe.

    "D\u2019André" and "d'andre" fold to the same. For comparing, never for showing. Marks
    outside Latin, Greek, and Cyrillic stay, because they are vowels there.
    """
    letters = (
        character
        for character in unicodedata.normalize("NFKD", name.translate(QUOTES))
        if not "\u0300" <= character <= "\u036f" and unicodedata.category(character) != "Cf"
    )
    plain = "".join(letters).casefold().translate(PLAIN)
    return " ".join(unicodedata.normalize("NFC", plain).split())


def with_name(wanted: str, candidates: Iterable[N]) -> list[N]:
    """The candidates spelled like `wanted`, or else those whose folded name is the same.

    So Zoë and Zoe can work in one program, and "zoe" finds Zoë where there is no Zoe.
    """
    same = [one for one in candidates if fold_name(one.name) == fold_name(wanted)]
    return [one for one in same if _spelled(one.name) == _spelled(wanted)] or same


def _spelled(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def your_mentee(name: str, names: NamesMentee) -> str:
    """What an alert calls the mentee to their own mentor. `name` is "" once it is erased.

    Letters outside the plain alphabet would make the text three SMS segments: Zoë is Zoe here, and
    a name in another script is left out.
    """
    first = next(iter(name.split()), "")
    plain = fold_name(first)
    if names == "no" or not plain[:1].isalpha() or not plain.isascii():
        return "your mentee"
    if names == "first_name" and len(plain) <= LONGEST_IN_ALERT:
        return f"your mentee {first if first.isascii() else plain.capitalize()}"
    return f"your mentee {plain[0].upper()}."


def is_like_the_bot(name: str, program: str = "") -> bool:
    """Whether a name could pass for the bot's, a crisis line's, or the program's own.

    Case, spaces, punctuation, and look-alike letters do not matter: "W4rmline", "b.o.t".
    """
    plain = normalize(name).text
    words = WORD.findall(plain)
    joined = "".join(words)
    if BOT.replace("i", "l") in joined.replace("i", "l"):  # "Warm1ine"
        return True
    stems = {*words, joined, joined.removesuffix("line"), joined.removesuffix("bot")}
    if not RESERVED.isdisjoint(stems):
        return True
    return bool(program) and joined == "".join(WORD.findall(normalize(program).text))
