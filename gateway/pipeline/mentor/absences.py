"""AWAY, OFF, and ON: when a mentor may be paged. LATER: not for this handoff right now."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from escalation.handoffs.handoffs import AlreadyTaken
from escalation.handoffs.ladder import put_off
from escalation.handoffs.moves import Closed
from gateway.conversations.turn import Turn
from gateway.people.absences import Past, TimeAway, Unreadable, come_back, go_away, read_time_away
from gateway.pipeline.mentor.lookup import (
    Refusal,
    codes,
    find_handoff,
    join_codes,
    list_held,
    list_paged,
    list_waiting,
    mentors_time,
    typed,
)
from gateway.pipeline.mentor.read import Typed, read_minutes
from models import Status

# The minutes that LATER takes.
SHORTEST_LATER, LONGEST_LATER = 5, 720


def match_away(turn: Turn) -> TimeAway | None:
    command = typed("away", "off")(turn)
    if command is None:
        return None
    zone, ends = ZoneInfo(turn.mentor.timezone), turn.policy.mentors.away_ends_at
    try:
        return read_time_away(command.rest, zone, now=turn.now, ends=ends)
    except Past:
        raise Refusal("away_past") from None
    except Unreadable:
        held = list_held(turn)
        # "away until late, sorry" may be either; "away from my desk" and "off to work" are words.
        is_time = re.match(r"(?:until|till?|\d)", command.rest, re.IGNORECASE)
        if not is_time and (held or command.word == "off"):
            return None
        if is_time and held:
            raise Refusal("away_or_words", example=f"#{held[0].id}") from None
        raise Refusal("away_how") from None


def start_absence(turn: Turn, away: TimeAway) -> None:
    go_away(turn.session, turn.mentor, away, by=turn.mentor, now=turn.now)
    keys, blanks = ["away_open"], dict[str, object]()
    if away.ends_at is not None:
        keys, blanks = ["away_until"], {"until": mentors_time(turn, away.ends_at)}
        if away.begins_at > turn.now:
            keys = ["away_planned"]
            blanks["start"] = mentors_time(turn, away.begins_at)
    if held := list_held(turn):
        keys.append("away_holds")
        blanks["codes"] = join_codes(codes(held))
    turn.say(*keys, **blanks)


def end_absence(turn: Turn, _: Typed) -> None:
    come_back(turn.session, turn.mentor, now=turn.now)
    turn.say("back_on")


def match_later(turn: Turn) -> Typed | None:
    """Alone, when the mentor holds a handoff and no page waits, "later" says goodbye."""
    command = typed("later")(turn)
    if command is None or command.code is not None or command.rest:
        return command
    return None if list_held(turn) and not list_paged(turn) else command


def snooze(turn: Turn, command: Typed) -> None:
    minutes = read_minutes(command.rest)
    code = command.code if command.code is not None else _paged_once(turn, command, minutes)
    if minutes is None or not SHORTEST_LATER <= minutes <= LONGEST_LATER:
        raise Refusal("later_how", example=code)
    handoff = find_handoff(turn, code)
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.status is Status.CLAIMED:
        raise AlreadyTaken(handoff)
    until = turn.now + timedelta(minutes=minutes)
    put_off(turn, handoff, turn.mentor, until=until)
    turn.say("put_off", code=code, until=mentors_time(turn, until))


def _paged_once(turn: Turn, command: Typed, minutes: int | None) -> int:
    paged = codes(list_paged(turn))
    if not paged:
        raise Refusal("later_none")
    if minutes is not None and len(paged) > 1:
        raise Refusal("later_which", codes=join_codes(paged), example=paged[0])
    if command.rest.isdecimal() and minutes in codes(list_waiting(turn)):
        raise Refusal("later_or_number", code=minutes)
    return paged[0]
