"""How many SMS segments a text costs, in the GSM 7-bit alphabet (3GPP TS 23.038 and 23.040)."""

import re

DEFAULT_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Sent as two septets.
EXTENSION = frozenset("\f^{}\\[~]|€")
# A character with the skin tones, accents, and joined emoji that belong to it.
JOINED = re.compile(r".(?:[\u0300-\u036f\ufe0f\U0001f3fb-\U0001f3ff]|\u200d(?:.|$))*", re.DOTALL)
ONE_SEGMENT = 160
EACH_OF_SEVERAL = 153
# A character outside the alphabet makes the whole text UCS-2.
ONE_IN_UCS_2 = 70
EACH_IN_UCS_2 = 67


def outside_gsm_7(text: str) -> set[str]:
    return set(text) - DEFAULT_ALPHABET - EXTENSION


def septets(text: str) -> int:
    return sum(_sizes(text))


def _sizes(text: str) -> list[int]:
    return [2 if character in EXTENSION else 1 for character in text]


def segments(text: str) -> int:
    """In GSM-7, or else in UCS-2. No character is split between segments, nor is an emoji that is
    joined from several.
    """
    if not outside_gsm_7(text):
        return _pack(_sizes(text), ONE_SEGMENT, EACH_OF_SEVERAL)
    sizes = [len(emoji.encode("utf-16-le", "surrogatepass")) // 2 for emoji in JOINED.findall(text)]
    return _pack(sizes, ONE_IN_UCS_2, EACH_IN_UCS_2)


def _pack(sizes: list[int], alone: int, each: int) -> int:
    if sum(sizes) <= alone:
        return 1
    count, left = 0, 0
    for size in sizes:
        if size > left:
            count, left = count + 1, each
        left -= size
    return count


def longest(of: int) -> int:
    return ONE_SEGMENT if of == 1 else of * EACH_OF_SEVERAL
