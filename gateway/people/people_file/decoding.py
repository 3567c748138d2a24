"""Which encoding a file has. Where it does not say so, we guess, and a manager confirms."""

from dataclasses import dataclass

from escalation.speech.i18n import Phrase, gettext_noop
from gateway.people.details.refusals import BadDetails

TWICE = "utf-8-twice"
# Encodings that a manager can choose, the likeliest first. No byte of a file proves one of them.
GUESSES = {
    "cp1252": gettext_noop("Windows, Western European"),
    "mac_roman": gettext_noop("Mac, Western European"),
    "cp1250": gettext_noop("Windows, Central European"),
    "cp1251": gettext_noop("Windows, Cyrillic"),
    "shift_jis": gettext_noop("Japanese (Shift_JIS)"),
    "gb18030": gettext_noop("Chinese (GB18030)"),
    "euc_kr": gettext_noop("Korean (EUC-KR)"),
    TWICE: gettext_noop("UTF-8, encoded twice"),
    "utf-8": gettext_noop("UTF-8"),
}


@dataclass(frozen=True)
class Decoded:
    """`candidates` are the encodings that the file could have just as well, if we guessed."""

    text: str
    name: str | Phrase
    candidates: tuple[str, ...] = ()


def decode(content: bytes, chosen: str = "") -> Decoded:
    """Raises BadDetails for a file that is no text, or not text in the chosen encoding."""
    if chosen:
        text = decoded_as(content, chosen)
        if text is None:
            raise BadDetails(gettext_noop("the file is not in that encoding; choose another"))
        return Decoded(text, GUESSES[chosen])
    if (wide := _wide(content)) is not None:
        return Decoded(content.decode(wide, "replace").removeprefix("\ufeff"), "UTF-16")
    if b"\x00" in content:
        raise BadDetails(gettext_noop("this is not a text file; save it as CSV (UTF-8)"))
    text = decoded_as(content, "utf-8")
    if text is not None:
        twice = decoded_as(content, TWICE) is not None
        return Decoded(text, "UTF-8", (TWICE, "utf-8") if twice else ())
    guess = decoded_as(content, "cp1252") or content.decode("latin-1")
    return Decoded(guess, GUESSES["cp1252"], tuple(GUESSES))


def decoded_as(content: bytes, encoding: str) -> str | None:
    try:
        if encoding == TWICE:
            once = content.decode("utf-8-sig")
            text = once.encode("cp1252").decode("utf-8")
            return text if text != once else None
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (UnicodeDecodeError, UnicodeEncodeError):
        return None


def _wide(content: bytes) -> str | None:
    """UTF-16, by its mark or because every second byte of plain letters is zero."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = content[:400]
    if len(start) < 8 or len(content) % 2:
        return None
    low, high = start[0::2].count(0), start[1::2].count(0)
    if high > len(start) / 4 and low == 0:
        return "utf-16-le"
    return "utf-16-be" if low > len(start) / 4 and high == 0 else None
