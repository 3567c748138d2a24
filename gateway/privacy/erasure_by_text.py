"""DELETE MY DATA by text: Warmline asks back, sets the request, and cancels it."""

from datetime import timedelta

from gateway.conversations.quick_replies import one_word
from gateway.conversations.turn import Turn
from gateway.privacy.erasure import cancel_erasure, erasure_due_at, request_erasure

ASK_WORDS = frozenset({"delete my data", "delete all my data", "delete everything"})
CONFIRM_WORDS = frozenset({"delete all", "delete my data", "delete all my data"})
CONFIRM_WITHIN = timedelta(hours=24)
# Said to our answer, these words cancel nothing.
THANKS = frozenset({"ok", "okay", "k", "thanks", "thank you", "thx", "ty", "fine", "good", "yes"})


def match_erasure(turn: Turn) -> bool | None:
    """Whether a text confirms the request (True) or makes it (False)."""
    if turn.person is None:
        return None
    word = one_word(turn.words)
    if word in CONFIRM_WORDS and _was_asked(turn):
        return True
    return False if word in ASK_WORDS else None


def act_on_erasure(turn: Turn, confirmed: bool) -> bool:
    if confirmed or erasure_due_at(turn, turn.conversation) is not None:
        request_erasure(turn, turn.conversation)
    else:
        turn.say("erase_ask", days=f"{turn.policy.personal_data.erase_after_days:g}")
    return not turn.in_crisis


def match_new_message(turn: Turn) -> bool | None:
    """A request for deletion is cancelled when the mentee writes again, other than thanks."""
    if turn.person is None or one_word(turn.words) in THANKS or match_erasure(turn) is not None:
        return None
    return True if turn.said.erasure_set_at is not None else None


def act_on_new_message(turn: Turn, _: bool) -> bool:
    cancel_erasure(turn, turn.conversation)
    return False


def _was_asked(turn: Turn) -> bool:
    last = turn.last_said
    return (
        last is not None
        and last.script == "erase_ask"
        and last.at > turn.message.at - CONFIRM_WITHIN
    )
