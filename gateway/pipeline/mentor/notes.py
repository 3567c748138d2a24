"""NOTE, DEBRIEF, and TALK. Their words are for the team, so they never go to a mentee."""

from escalation.handoffs.moves import NotHolder
from gateway.conversations.turn import Turn
from gateway.handoffs.debriefs import answer_debrief, find_answerable_debrief
from gateway.handoffs.notes import BadNote, write_note
from gateway.pipeline.mentor.lookup import Refusal, find_handoff, list_held, typed
from gateway.pipeline.mentor.reading.read import Typed
from models import Debrief


def note(turn: Turn, command: Typed) -> None:
    code = command.code
    if code is None:
        held = list_held(turn)
        raise (
            Refusal("held_back_note", example=turn.code(held[0])) if held else Refusal("hold_none")
        )
    handoff = find_handoff(turn, code)
    try:
        write_note(turn.session, handoff, turn.mentor, command.rest, now=turn.now)
    except NotHolder:
        raise Refusal("note_not_yours", code=code) from None
    except BadNote:
        raise Refusal("note_how", example=code) from None
    turn.say("noted", code=code)


def debrief(turn: Turn, command: Typed) -> None:
    asked = find_answerable_debrief(turn, turn.mentor)
    if asked is None:
        raise Refusal("debrief_none")
    if not command.rest:
        raise Refusal("debrief_how")
    answer_debrief(turn, asked, words=command.rest)
    turn.say("debrief_noted")


def match_talk(turn: Turn) -> Debrief | None:
    """Without a debrief to answer, "talk" is words."""
    return find_answerable_debrief(turn, turn.mentor) if typed("talk")(turn) else None


def talk(turn: Turn, asked: Debrief) -> None:
    told = answer_debrief(turn, asked, wants_to_talk=True)
    turn.say("talk_told" if told else "talk_nobody")
