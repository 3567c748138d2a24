"""What a person typed, without what phones, mail programs, and manners put around it."""

import re
import unicodedata

from escalation.detect.normalize import DASHES
from escalation.lookalikes import QUOTES

# Our own text, quoted: to the mark that closes it, the end of its link, or the end of its line.
OURS = re.compile(
    r"[\"'*]*\s*Warmline bot:.*?(?:\"(?=\s|$)|/console\S*|$)", re.IGNORECASE | re.MULTILINE
)
QUOTED_LINES = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
EARLIER_MAIL = re.compile(
    r"^[ \t]*(?:-{2,}[ \t]*(?:original|forwarded) message\b.*"
    r"|on .{6,80} wrote:.*|el .{6,80} escribió:.*)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
# "Sent from my iPhone", "Get Outlook for Android", "-- Sam" on the last line.
SIGNATURE = re.compile(
    r"(?:(?:^|\s)\W*(?:(?:sent|enviado) (?:from|via|using|desde)(?: my| mi)? [\w .,'()-]{2,40}"
    r"|get outlook for \w+)|\n\s*[-~]{1,2}\s*[\w.'-]+(?: [\w.'-]+)?)\s*\Z",
    re.IGNORECASE,
)
QUOTATION_MARKS = frozenset("\"'*_`")
PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def visible(words: str) -> str:
    """The words without invisible characters, with straight quotes, and with our digits."""
    plain = unicodedata.normalize("NFKC", words).translate(QUOTES).translate(DASHES)
    return "".join(
        str(unicodedata.digit(char)) if unicodedata.category(char) == "Nd" else char
        for char in plain
        if unicodedata.category(char) != "Cf"
    )


def undecorate(words: str) -> str:
    """Without signature, quoted texts, and the quotation marks around the whole."""
    plain = visible(words)
    for quoted in (EARLIER_MAIL, QUOTED_LINES, OURS):
        plain = quoted.sub("\n", plain)
    return _unquote(SIGNATURE.sub("", plain).strip())


def quotes_us(words: str) -> bool:
    return OURS.search(visible(words)) is not None


def _unquote(words: str) -> str:
    while len(words) > 1:
        first, last = words[0], words[-1]
        if PAIRS.get(first) != last and not {first, last} <= QUOTATION_MARKS:
            break
        words = words[1:-1].strip()
    return words


def within_one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less, or other, or two letters swapped, make the words the same."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if same is None:
        return True
    one, other = one[same:], other[same:]
    return (
        one[1:] == other
        or one == other[1:]
        or one[1:] == other[1:]
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )
