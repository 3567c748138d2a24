"""Long words in parts that a text has room for."""

import re
import unicodedata

# Joins the signs of one emoji, such as a family.
JOINER = "\u200d"
SKIN_TONES = range(0x1F3FB, 0x1F400)
BREAK = re.compile(r"\s+")
# Such as (1/2), and a space.
ROOM_FOR_NUMBER = len("(10/10) ")


def split_into_parts(words: str, longest: int) -> list[str]:
    """Parts of at most `longest` characters, numbered if there are several.

    They are cut between words. Only a word that is longer than a part is cut, and never within one
    visible sign.
    """
    if len(words) <= longest:
        return [words]
    room, parts, rest = longest - ROOM_FOR_NUMBER, [], words
    while len(rest) > room:
        end, start = _where_to_cut(rest, room)
        parts.append(rest[:end])
        rest = rest[start:]
    if rest:
        parts.append(rest)
    return [f"({number}/{len(parts)}) {part}" for number, part in enumerate(parts, 1)]


def _where_to_cut(words: str, room: int) -> tuple[int, int]:
    """Where the part ends and where the next one starts, behind the space between them."""
    breaks = [one.span() for one in BREAK.finditer(words, room // 2, room + 1)]
    if breaks:
        return breaks[-1]
    at = room
    while at > room // 2 and (_belongs_to_sign_before(words[at]) or words[at - 1] == JOINER):
        at -= 1
    return at, at


def _belongs_to_sign_before(char: str) -> bool:
    is_mark = unicodedata.category(char).startswith("M")  # accents and variation selectors
    return is_mark or char == JOINER or ord(char) in SKIN_TONES
