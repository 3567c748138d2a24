"""Keywords that a person may text, without case, periods, and exclamation marks."""

from escalation.speech.i18n import keyword_meant


def one_word(words: str) -> str:
    """The words in lower case without punctuation; a keyword of any language in English."""
    return (keyword_meant(words) or without_punctuation(words)).casefold()


def without_punctuation(words: str) -> str:
    return words.strip().strip(".!")
