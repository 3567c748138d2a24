"""Text as the database stores it."""

from escalation.speech.i18n import Phrase, phrase


def kept_words(words: str) -> str:
    """`words` without NUL, which a database and a page cannot hold."""
    return words.replace("\x00", "\ufffd")


def too_long(words: str, longest: int) -> Phrase | None:
    """A sentence for the author, if there are more than `longest` characters."""
    excess = len(words) - longest
    if excess <= 0:
        return None
    return phrase(
        "Use at most {longest:,} characters. This is {excess:,} too long.",
        longest=longest,
        excess=excess,
    )
