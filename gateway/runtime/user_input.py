"""What people type, as the database stores it."""

import phonenumbers

from escalation.speech.i18n import Phrase, phrase


def kept_words(words: str) -> str:
    """`words` without NUL, which a database and a page cannot hold."""
    return words.replace("\x00", "\ufffd")


def cleaned(words: str) -> str:
    """Words of a form that a database accepts, with one kind of line break."""
    whole = words.encode("utf-8", "replace").decode("utf-8")
    return kept_words(whole.replace("\r\n", "\n")).strip()


def too_long(words: str, longest: int) -> Phrase | None:
    excess = len(words) - longest
    if excess <= 0:
        return None
    return phrase(
        "Use at most {longest:,} characters. This is {excess:,} too long.",
        longest=longest,
        excess=excess,
    )


def as_e164(phone: str, region: str = "US") -> str | None:
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
