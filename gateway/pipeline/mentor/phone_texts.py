"""What a mentor's phone sends beside words. None of it reaches a mentee or counts as contact."""

from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.lookup import Refusal, list_held
from models import TextKind

# We say once in this time what we do with it, so that two machines do not answer each other.
SAID_FOR_MINUTES = 60


def match_phone_text(turn: Turn) -> str | None:
    """The line that answers a text without words of the mentor's own."""
    kind, has_words = turn.message.kind, bool(turn.words.strip())
    if kind is TextKind.AUTO_REPLY:
        return "held_back_machine" if list_held(turn) else "machine_not_read"
    if has_words:
        return None
    if kind is TextKind.REACTION:
        return "reaction_not_sent"
    return "picture_not_sent" if turn.message.media or kind else "empty_not_sent"


def answer_phone_text(turn: Turn, key: str) -> None:
    if turn.message.kind not in (TextKind.REACTION, TextKind.AUTO_REPLY):
        raise Refusal(key)
    turn.say_unless_said_lately(turn.conversation, key, within_minutes=SAID_FOR_MINUTES)
