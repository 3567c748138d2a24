"""AWAY, OFF, and ON: when a mentor may be paged. LATER: not for this handoff right now."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from escalation.handoffs.duty import tell_managers
from escalation.handoffs.handoffs import AlreadyTaken, has_open_crisis
from escalation.handoffs.ladder import put_off
from escalation.handoffs.moves import Closed
from gateway.conversations.turn import Turn
from gateway.people.absences import Past, TimeAway, Unreadable, come_back, go_away, read_time_away
from gateway.pipeline.mentor.lookup import (
    Refusal,
    choice,
    list_held,
    list_paged,
    mentors_time,
    pick,
    typed,
)
from gateway.pipeline.mentor.reading.read import Typed, read_minutes
from models import Status

# How a time begins in "away tomorrow", "off this weekend", "away for a week".
TIME = re.compile(
    r"(?:until|till?|\d|from (?:now|today|tomorrow|\d|mon|tue|wed|thu|fri|sat|sun|next)"
    r"|today|tomorrow|tonight|(?:this|next|all|the|for|on|over|a|one|two|in)\s.*(?:day|night|week|month|while|moment|morning"
    r"|evening|noon|hour|year|minute|holiday|break)|(?:mon|tues?|wednes|thurs?|fri|satur|sun)day)",
    re.IGNORECASE,
)
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
        is_time = TIME.match(command.rest) or command.shouted
        if not is_time and (held or command.word == "off"):
            return None
        raise Refusal("held_back_away" if held else "away_how") from None


def start_absence(turn: Turn, away: TimeAway) -> None:
    go_away(turn.session, turn.mentor, away, by=turn.mentor, now=turn.now)
    if away.begins_at <= turn.now and has_open_crisis(turn.session, turn.mentor.program_id):
        tell_managers(turn, turn.mentor, "away_in_crisis")
    keys, blanks = ["away_open"], dict[str, object]()
    if away.ends_at is not None:
        keys, blanks = ["away_until"], {"until": mentors_time(turn, away.ends_at)}
        if away.begins_at > turn.now:
            keys = ["away_planned"]
            blanks["start"] = mentors_time(turn, away.begins_at)
    if held := list_held(turn):
        keys.append("away_holds")
        blanks |= choice(turn, held)
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
    handoff = pick(turn, command, list_paged, which="later_which", none="later_none")
    if minutes is None or not SHORTEST_LATER <= minutes <= LONGEST_LATER:
        raise Refusal("later_how", example=turn.code(handoff))
    if not handoff.is_open:
        raise Closed(handoff)
    if handoff.status is Status.CLAIMED:
        raise AlreadyTaken(handoff)
    until = turn.now + timedelta(minutes=minutes)
    put_off(turn, handoff, turn.mentor, until=until)
    turn.say_about(handoff, "put_off", until=mentors_time(turn, until))
