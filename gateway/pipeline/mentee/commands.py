"""The commands that a mentee can text. Their order matters: the first that settles a text wins."""

from typing import Any

from gateway.check_ins.follow_ups import act_on_follow_up, match_follow_up
from gateway.check_ins.pauses import act_on_pause, match_pause
from gateway.conversations.language_choice import act_on_language, match_language
from gateway.conversations.turn import Turn
from gateway.pipeline.commands import Command
from gateway.privacy.erasure_by_text import (
    act_on_erasure,
    act_on_new_message,
    match_erasure,
    match_new_message,
)
from gateway.privacy.opt_out import act_on_opt_out, match_opt_out
from gateway.privacy.terms_by_text import act_on_terms, match_terms
from gateway.safeguarding.concern_by_text import act_on_concern, match_concern
from models import Speaker


def _match_stranger(turn: Turn) -> bool | None:
    return True if turn.person is None or turn.message.speaker is Speaker.UNKNOWN else None


def _act_on_stranger(turn: Turn, _: bool) -> bool:
    if turn.person is not None:  # enrolled a moment ago
        return False
    turn.say_unless_said_lately(
        "unknown_number",
        within_minutes=turn.policy.repeat.unknown_number_minutes,
        program=turn.conversation.program.name,
    )
    return True


FOLLOW_UP = Command(match_follow_up, act_on_follow_up)

# Acted on before anything is decided.
COMMANDS: tuple[Command[Any], ...] = (
    Command(match_opt_out, act_on_opt_out),
    Command(match_concern, act_on_concern),
    Command(match_erasure, act_on_erasure),
    Command(match_new_message, act_on_new_message, bot_hears=True),
    Command(match_pause, act_on_pause),
    Command(match_language, act_on_language),
)

# Answered in the bot's place, if the decision is that Warmline answers. A crisis or a request for
# a person comes first.
REPLIES: tuple[Command[Any], ...] = (
    Command(_match_stranger, _act_on_stranger),
    FOLLOW_UP,
    Command(match_terms, act_on_terms),
)
