"""TAKEOVER, RELEASE, ASSIGN, RAISE, LOWER, CLOSE: what managers do with anybody's handoff.

A mentor can raise or lower the urgency of a handoff that they hold.
"""

import re
from collections.abc import Callable

from escalation.handoffs.handoffs import release, resolve
from escalation.handoffs.moves import Closed, NeedsReason
from escalation.handoffs.oversight import (
    lower,
    raise_by_hand,
    reassign,
    take,
    take_over,
)
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.handovers import find_colleague
from gateway.pipeline.mentor.held_back import FORMS, ask_if_words
from gateway.pipeline.mentor.lookup import Refusal, find_handoff
from gateway.pipeline.mentor.reading.managed import Managed, read_managed
from gateway.pipeline.mentor.reading.read import split_outcome
from models import Handoff, Outcome, Role, Status, Urgency

URGENCY = re.compile(r"(?:to\s+)?(routine|soon|crisis)\b[\s:.,-]*", re.IGNORECASE)


def manages(verb: str) -> Callable[[Turn], Managed | None]:
    return lambda turn: read_managed(verb, turn.words)


def take_it_over(turn: Turn, command: Managed) -> None:
    handoff = _find(turn, command)
    if handoff.status is Status.CLAIMED:
        take_over(turn, handoff, turn.mentor)
    else:
        take(turn, handoff, turn.mentor)
    turn.say_about(handoff, "you_have")


def release_it(turn: Turn, command: Managed) -> None:
    handoff = _find(turn, command)
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.status is Status.WAITING:
        raise Refusal("release_waiting", code=turn.code(handoff))
    paged = release(turn, handoff, by=turn.mentor)
    turn.say_about(handoff, "released_mentor" if paged else "released_nobody_told")


def assign(turn: Turn, command: Managed) -> None:
    handoff = _find(turn, command)
    to, reason = find_colleague(turn, re.sub(r"(?i)^to\b", "", command.rest).strip())
    code = turn.code(handoff)
    if len(to) > 1:
        raise Refusal("give_which", who=to[0].name, link=turn.rules.link(code))
    if not to:
        raise _how(turn, command, code)
    reassign(turn, handoff, to[0], by=turn.mentor, reason=reason)
    turn.say_about(handoff, "reassigned", who=to[0].name)


def raise_it(turn: Turn, command: Managed) -> None:
    handoff = _find(turn, command)
    urgency, reason = _read_urgency(turn, command, handoff)
    if not reason:
        raise _how(turn, command, turn.code(handoff))
    paged = raise_by_hand(turn, handoff, urgency, by=turn.mentor, reason=reason)
    key = "raised_staff" if paged else "raised_staff_nobody"
    turn.say_about(handoff, key, urgency=urgency.name.lower())


def lower_it(turn: Turn, command: Managed) -> None:
    handoff = _find(turn, command)
    urgency, reason = _read_urgency(turn, command, handoff)
    try:
        lower(turn, handoff, urgency, by=turn.mentor, reason=reason)
    except NeedsReason:
        raise _how(turn, command, turn.code(handoff)) from None
    turn.say_about(handoff, "lowered_staff", urgency=urgency.name.lower())


def close_it(turn: Turn, command: Managed) -> None:
    """Without an outcome it counts as not needed; the reason says more."""
    handoff = _find(turn, command)
    outcome, reason = split_outcome(command.rest)
    if not reason.strip():
        raise _how(turn, command, turn.code(handoff))
    outcome = outcome or Outcome.NOTNEEDED
    resolve(turn, handoff, outcome, by=turn.mentor, note=reason)
    turn.say_about(handoff, "done", outcome=outcome.value)


MANAGED = {
    "takeover": take_it_over,
    "release": release_it,
    "assign": assign,
    "raise": raise_it,
    "lower": lower_it,
    "close": close_it,
}


def _find(turn: Turn, command: Managed) -> Handoff:
    if command.code is None:
        if command.rest:
            ask_if_words(turn, command.verb)  # CLOSE YOUR EYES
        raise _how(turn, command)
    return find_handoff(turn, command.code)


def _read_urgency(turn: Turn, command: Managed, handoff: Handoff) -> tuple[Urgency, str]:
    said = URGENCY.match(command.rest)
    if said is None:
        raise _how(turn, command, turn.code(handoff))
    return Urgency[said[1].upper()], command.rest[said.end() :].strip()


def _how(turn: Turn, command: Managed, code: str = "K4RT") -> Refusal:
    manager = turn.mentor.role is Role.MANAGER
    return Refusal(
        "manage_how" if manager or command.verb in ("raise", "lower") else "manage_who",
        form=FORMS[command.verb].format(code=code),
    )
