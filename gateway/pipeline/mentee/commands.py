"""The commands that a mentee can text. Their order matters: the first that settles a text wins."""

from typing import Any

from escalation.speech.i18n import known, language_name, language_named
from gateway.check_ins.follow_ups import act_on_follow_up, match_follow_up
from gateway.check_ins.pauses import act_on_pause, match_pause
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
from gateway.runtime.audit import note_about
from gateway.safeguarding.concern_by_text import act_on_concern, match_concern
from models import Role, Speaker, TextKind


def _match_stranger(turn: Turn) -> bool | None:
    return True if turn.person is None or turn.message.speaker is Speaker.UNKNOWN else None


def _act_on_stranger(turn: Turn, _: bool) -> bool:
    if turn.person is not None:  # enrolled a moment ago
        return False
    turn.say_unless_said_lately(
        turn.conversation,
        "unknown_number",
        within_minutes=turn.policy.repeat.unknown_number_minutes,
        program=turn.conversation.program.name,
    )
    return True


def _match_language(turn: Turn) -> str | None:
    """Another language than the mentee's own, which may be a school subject."""
    person, named = turn.person, language_named(turn.words)
    if person is None or person.role is not Role.MENTEE or named == known(person.language):
        return None
    return named


def _act_on_language(turn: Turn, language: str) -> bool:
    person = turn.person
    if person is None or _match_language(turn) is None:
        return False  # changed on the page a moment ago
    before, person.language = known(person.language), language
    turn.session.flush()
    note_about(turn.session, person, f"language.{language}", by=person, now=turn.now)
    turn.say("language_changed", tongue=language_name(before).upper())
    return True


def _match_phone_text(turn: Turn) -> TextKind | None:
    """A reaction without words of one's own, or an automatic reply. Neither gets an answer: two
    machines would answer each other. A reply in which detection hears danger is read."""
    kind = turn.message.kind
    if kind is TextKind.AUTO_REPLY:
        heard = turn.line.detect(turn.words, ())
        return kind if heard.crisis < turn.policy.thresholds.concern else None
    return kind if kind is TextKind.REACTION and not turn.words.strip() else None


def _record_only(turn: Turn, _: TextKind) -> None:
    """It is in the thread, and says there what it is."""


FOLLOW_UP = Command(match_follow_up, act_on_follow_up)

# Acted on before anything is decided.
COMMANDS: tuple[Command[Any], ...] = (
    Command(_match_phone_text, _record_only),
    Command(match_opt_out, act_on_opt_out),
    Command(match_concern, act_on_concern),
    Command(match_erasure, act_on_erasure),
    Command(match_new_message, act_on_new_message, bot_hears=True),
    Command(match_pause, act_on_pause),
    Command(_match_language, _act_on_language),
)

# Answered in the bot's place, if the decision is that Warmline answers. A crisis or a request for
# a person comes first.
REPLIES: tuple[Command[Any], ...] = (
    Command(_match_stranger, _act_on_stranger),
    FOLLOW_UP,
    Command(match_terms, act_on_terms),
)
