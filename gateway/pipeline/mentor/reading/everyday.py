"""Manners around a command, and ordinary words that look like one with a typing error."""

import re

# Real words, and names, that are one letter away from a command's word.
ORDINARY = frozenset(
    {
        *("make", "bake", "cake", "fake", "lake", "rake", "sake", "wake", "tale", "tame", "tape"),
        *(
            "taken",
            "takes",
            "taker",
            "stake",
            "jake",
            "tate",
            "nate",
            "mass",
            "bass",
            "past",
            "ass",
        ),
        *("gone", "none", "one", "bone", "don", "dont", "doe", "dose", "dine", "dane", "tone"),
        *("grief", "briefs", "live", "dive", "five", "hive", "gave", "given", "gives", "giver"),
        *("not", "nope", "vote", "noted", "nose", "node", "nate", "walk", "talks", "tall", "tank"),
        *("task", "late", "latter", "water", "hater", "laser", "layer", "lather", "laters", "ater"),
        *("way", "aways", "sway", "except", "accepts", "accent", "writing", "wailing", "waiving"),
        *("sent", "end", "sends", "spend", "sand", "seed", "seen", "lend", "bend", "mend", "tend"),
        *("asap", "pas", "paws", "pals", "pays"),
    }
)
BEFORE = re.compile(
    r"\s*(?:(?:hi|hey|hello|yes|yep|yeah|yup|ok|okay|sure|please|pls|plz|sorry|alright|got it"
    r"|i will|i'?ll|i can|i want to|can i|could i|may i|let me|i)\b[\s,.!:-]*)+",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"(?:please|pls|plz|thanks?(?: you| u)?(?: so much)?|thx|ty|asap|for me|on my way|omw"
    r"|i'?m on it|ok|okay|cheers|sorry|will do)$",
    re.IGNORECASE,
)


def split_manners(said: str) -> tuple[str, str]:
    """Manners and marks in front of a text, and the text."""
    marks = re.match(r"[^\w#]*", said)
    plain = said[marks.end() :] if marks else said
    found = BEFORE.match(plain)
    if found is None or found.end() == len(plain):
        return "", plain
    return found[0], re.sub(r"^[^\w#]+", "", plain[found.end() :])


def without_manners(tail: str) -> str:
    """What comes after a command's word, without thanks, emoji, and marks at its end."""
    while True:
        shorter = re.sub(r"[^\w]+$", "", tail.strip(" \t\r\n:.,-")).rstrip("_")
        shorter = re.sub(rf"(?:^|\s){AFTER.pattern}", "", shorter, flags=re.IGNORECASE)
        if shorter == tail:
            return tail
        tail = shorter
