"""How many SMS segments a text costs, in the GSM 7-bit alphabet (3GPP TS 23.038 and 23.040)."""

DEFAULT_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Sent as two septets.
EXTENSION = frozenset("\f^{}\\[~]|€")
ONE_SEGMENT = 160
EACH_OF_SEVERAL = 153
# A character outside the alphabet makes the whole text UCS-2.
ONE_IN_UCS_2 = 70
EACH_IN_UCS_2 = 67


def outside_gsm_7(text: str) -> set[str]:
    return set(text) - DEFAULT_ALPHABET - EXTENSION


def septets(text: str) -> int:
    return sum(2 if character in EXTENSION else 1 for character in text)


def segments(text: str) -> int:
    """In GSM-7, or else in UCS-2."""
    if not outside_gsm_7(text):
        length = septets(text)
        return 1 if length <= ONE_SEGMENT else -(-length // EACH_OF_SEVERAL)
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return 1 if length <= ONE_IN_UCS_2 else -(-length // EACH_IN_UCS_2)


def longest(of: int) -> int:
    return ONE_SEGMENT if of == 1 else of * EACH_OF_SEVERAL
