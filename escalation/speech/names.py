"""Names that nobody may have: mentees would take the person for the bot or a crisis line."""

import re

from escalation.detect.normalize import normalize

BOT = "warmline"
WORD = re.compile(r"[a-z0-9]+")
# Whole words. "Ai", "Hope" and "Star" are first names, so they are not here.
RESERVED = frozenset(
    {
        *("bot", "robot", "chatbot", "assistant", "automated", "system", "sistema", "computer"),
        *("support", "soporte", "ayuda", "help", "helpdesk", "service", "staff", "team"),
        *("crisis", "crisisline", "helpline", "hotline", "lifeline", "textline", "emergency"),
        *("admin", "administrator", "moderator", "operator", "police", "911", "988"),
    }
)


def is_like_the_bot(name: str, program: str = "") -> bool:
    """Whether a name could pass for the bot's, a crisis line's, or the program's own.

    Case, spaces, punctuation, and look-alike letters do not matter: "W4rmline", "b.o.t".
    """
    plain = normalize(name).text
    words = WORD.findall(plain)
    joined = "".join(words)
    if BOT.replace("i", "l") in joined.replace("i", "l"):  # "Warm1ine"
        return True
    stems = {*words, joined, joined.removesuffix("line"), joined.removesuffix("bot")}
    if not RESERVED.isdisjoint(stems):
        return True
    return bool(program) and joined == "".join(WORD.findall(normalize(program).text))
