"""Text as the database stores it."""


def kept_words(words: str) -> str:
    """`words` as they are kept: a NUL cannot be shown or sent on, so a mark takes its place."""
    return words.replace("\x00", "\ufffd")
