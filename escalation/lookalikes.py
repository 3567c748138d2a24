"""One table of look-alike characters for detection and the authenticity guard.

With two tables, a letter that only one of them knew let a disguised text past the other.
"""

import unicodedata

# Cyrillic, Greek and other letters that look like a Latin one.
LETTERS = str.maketrans(
    dict(
        zip(
            "аеорсухіјѕԁһԛԝӏкмтвнαειοκνρτυχηωıɑɡʟł",
            "aeopcyxijsdhqwlkmtbhaeiokvptuxnwiagll",
            strict=True,
        )
    )
)
QUOTES = str.maketrans(
    dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u02b9\u02bb\u02bc\u02bd\u00b4\u0060", "'"
    )
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
)
SMALL_CAPITALS = str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijkmnoprstuvwyz")
INVISIBLE = frozenset({"Mn", "Me", "Cf"})  # accents, enclosing marks, formatting


def simplify(char: str) -> str:
    """One character in lower case, without accents, with straight quotes. Can be empty or longer.

    Keeps letters of other alphabets, because `latin` needs the whole text to judge them.
    """
    parts = unicodedata.normalize("NFKD", char.translate(QUOTES)).lower()
    visible = (part for part in parts if unicodedata.category(part) not in INVISIBLE)
    return "".join(visible).translate(QUOTES).translate(SMALL_CAPITALS)


def latin(text: str) -> str:
    """Replace look-alike letters, one for one. `text` is simplified already."""
    return text.translate(LETTERS)
