"""NOTE, DEBRIEF, and TALK. Their words are for the team, so they never go to a mentee."""

from escalation.handoffs.moves import NotHolder
from gateway.conversations.turn import Turn
from gateway.handoffs.debriefs import answer_debrief, list_answerable_debriefs
from gateway.handoffs.notes import BadNote, write_note
from gateway.pipeline.mentor.lookup import Refusal, codes, find_handoff, list_held, typed
from gateway.pipeline.mentor.read import Typed
from models import Debrief


def note(turn: Turn, command: Typed) -> None:
    code = command.code
    if code is None:
        held = codes(list_held(turn))
        raise Refusal("note_how", example=held[0] if held else 7)
    handoff = find_handoff(turn, code, refusal="note_not_yours")
    try:
        write_note(turn.session, handoff, turn.mentor, command.rest, now=turn.now)
    except NotHolder:
        raise Refusal("note_not_yours", code=code) from None
    except BadNote:
        raise Refusal("note_how", example=code) from None
    turn.say("noted", code=code)


def debrief(turn: Turn, command: Typed) -> None:
    asked = _first_debrief(turn)
    if asked is None:
        raise Refusal("debrief_none")
    if not command.rest:
        raise Refusal("debrief_how")
    answer_debrief(turn.session, asked, words=command.rest, now=turn.now, rules=turn.rules)
    turn.say("debrief_noted")


def match_talk(turn: Turn) -> Debrief | None:
    """Without a debrief to answer, "talk" is words."""
    return _first_debrief(turn) if typed("talk")(turn) else None


def talk(turn: Turn, asked: Debrief) -> None:
    told = answer_debrief(turn.session, asked, wants_to_talk=True, now=turn.now, rules=turn.rules)
    turn.say("talk_told" if told else "talk_nobody")


def _first_debrief(turn: Turn) -> Debrief | None:
    found = list_answerable_debriefs(turn.session, turn.mentor, now=turn.now, rules=turn.rules)
    return found[0] if found else None
