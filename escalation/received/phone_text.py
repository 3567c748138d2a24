"""Texts that a phone or a carrier wrote: reactions to a text, automatic replies, contact cards.

A reaction quotes the text that it is about, so its words are someone else's. What a person wrote
behind the quote is theirs. An automatic reply is known by whole sentences that phones send, so
that "I'm driving to the bridge" is none.
"""

import re
from dataclasses import dataclass

from escalation.received.undecorate import visible
from models import TextKind

LIKES = frozenset("👍❤♥🧡💛💚💙💜🩷😍🥰😘😊🙂😀😁👌🙏💯✅🎉👏🙌🤗")
DISLIKES = frozenset("👎😡😠❌🙁")
# Of iPhones, in English and Spanish; True for yes, False for no.
VERBS = {
    r"liked|le gustó|le gusta|me gusta": True,
    r"loved|le encantó|le encanta|me encanta": True,
    r"disliked|no le gustó|no le gusta|no me gusta": False,
    r"laughed at|emphasi[sz]ed|questioned|se rio de|se rió de|le dio risa|enfatizó|exclamó por"
    r"|puso énfasis en|destacó|cuestionó|preguntó por|preguntó sobre": None,
}
EMOJI = r"[^\w\s\"“«'.,!?:;()#/-]{1,12}"
REACTED = (
    rf"(?:reacted(?: with)? (?P<emoji1>{EMOJI}) to|reaccionó con (?P<emoji2>{EMOJI}) (?:a|al)"
    rf"|(?P<emoji3>{EMOJI})[\s\u200b]*\s(?:to|a)"
    rf"|reacted with a sticker to)"
)
REMOVED = (
    rf"(?:removed (?:an? )?[\w ]{{0,20}}(?:{EMOJI} )?from|(?:quitó|eliminó) .{{1,30}}? (?:de|del)"
)
REMOVED += rf"|{EMOJI} removed from)"
THING = (
    r"(?:an?|\d+|una?) (?:images?|pictures?|photos?|videos?|movies?|attachments?"
    r"|audio messages?|voice messages?|links?|locations?|stickers?|contacts?|gifs?"
    r"|imagen|foto|vídeo|archivo adjunto|mensaje de audio|enlace|ubicación|contacto)\s*\Z"
)
HEAD = re.compile(
    r"[\s\u200a-\u200f\u2060\ufeff]*(?:a [\w ]{1,20} (?=le ))?(?:"
    + "|".join(f"(?P<verb{n}>{verb})" for n, verb in enumerate(VERBS))
    + rf"|{REACTED}|(?P<removed>{REMOVED}))[\s\u200a-\u200f:]*(?=[\"“«]|{THING})",
    re.IGNORECASE,
)
OPENING, CLOSING = "“«", "”»"

MARKED = re.compile(
    r"\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response|text|message)\b|away message\b"
    r"|out of (?:the )?office\b|fuera de (?:la )?oficina\b"
    r"|(?:respuesta|mensaje) autom[aá]tic[ao]\b)"
    r"|.*\bthis is an auto(?:matic|mated)? (?:reply|response|message)"
    r"|.*\beste es un mensaje autom[aá]tico"
    r"|.*\bi(?:'m| am) (?:currently )?out of (?:the )?office\b"
    r"|.*\bdriving with .{0,40}(?:do not disturb|focus).{0,40}turned on"
    r"|.*\bi'?ll see your message when i get where i'?m going"
    r"|.*\bi'?m not receiving notifications\. if this is urgent"
    r"|.*\b(?:conduciendo|manejando) con .{0,40}(?:no molestar|enfoque|concentración)"
    r"|.*\bmessage blocking is active|.*\bunable to send message\b.*\bblock"
    r"|\W*free ?msg\b|.*\bservice access denied"
    r"|.*\b(?:number|person|subscriber|customer) you(?:'re| are) (?:trying to|texting)",
    re.IGNORECASE | re.DOTALL,
)
# What phones offer when a call is declined; with nothing else in the text.
QUICK = re.compile(
    r"(?:sorry,? (?:but )?)?(?:"
    r"(?:i'?m|i am) (?:driving|in a meeting)(?: right now| at the moment| now)?"
    r"|(?:i'?m|i am) (?:busy|at work|in class|at the movies|on another call|sleeping|away)"
    r"(?: right now| at the moment| now)?(?=\W+(?:and )?(?:i'?ll|i will|can i|please))"
    r"|i can'?t (?:talk|answer|pick up|take your call)(?: right)? now"
    r"|estoy (?:conduciendo|manejando|en una reunión|en reunión)(?: ahora)?(?: mismo)?"
    r"|no puedo hablar(?: ahora| en este momento)(?: mismo)?"
    r")[\s.,!-]*(?:(?:and )?(?:i'?ll|i will|can i|please|i can|te|luego te|¿?puedo)\b"
    r"[^.?!]{0,12}(?:call|text|get back|message|contact|reply|respond|llam|respond|escrib)"
    r"[^.?!]{0,40}|what'?s up|¿?qué pasa)?[\s.!?]*",
    re.IGNORECASE,
)
CARD = re.compile(r"\s*BEGIN:VCARD\b", re.IGNORECASE)


@dataclass(frozen=True)
class PhoneText:
    """`own`: what a person wrote beside it, at its place in the text; blanks before it.

    `likes`: whether a reaction says yes or no, if it says either.
    """

    kind: TextKind
    own: str = ""
    likes: bool | None = None


def read_phone_text(words: str) -> PhoneText | None:
    if CARD.match(words):
        return PhoneText(TextKind.CONTACT_CARD)
    if (reaction := _read_reaction(words)) is not None:
        return reaction
    plain = visible(words).strip()
    if MARKED.match(plain) or (plain and QUICK.fullmatch(plain)):
        return PhoneText(TextKind.AUTO_REPLY)
    return None


def _read_reaction(words: str) -> PhoneText | None:
    head = HEAD.match(words)
    if head is None:
        return None
    end = _end_of_quote(words, head.end())
    own = " " * end + words[end:] if any(char.isalnum() for char in words[end:]) else ""
    return PhoneText(TextKind.REACTION, own, _likes(head))


def _end_of_quote(words: str, start: int) -> int:
    """Past the quoted text. Quotation marks within it come in pairs; phones may cut its end off."""
    if words[start] not in OPENING + '"':
        return len(words)
    if words[start] == '"':
        return words.rfind('"') + 1 if words.rfind('"') > start else len(words)
    depth = 0
    for place in range(start, len(words)):
        depth += (words[place] in OPENING) - (words[place] in CLOSING)
        if depth == 0:
            return place + 1
    return len(words)


def _likes(head: re.Match[str]) -> bool | None:
    for number, likes in enumerate(VERBS.values()):
        if head[f"verb{number}"]:
            return likes
    emoji = {*(head["emoji1"] or head["emoji2"] or head["emoji3"] or "")}
    if emoji & LIKES:
        return True
    return False if emoji & DISLIKES else None
