"""A text that may be a command or words for a mentee goes nowhere until the mentor says which.

SEND sends it on. So nothing is lost, and nothing meant for the team reaches a mentee.
"""

import re
from datetime import timedelta

from sqlalchemy import select

from escalation.received.undecorate import undecorate, within_one_edit
from gateway.conversations.relay import write_to_mentee
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.lookup import (
    Refusal,
    ambiguous,
    check_held,
    find_handoff,
    list_held,
    list_paged,
    lock,
)
from gateway.pipeline.mentor.reading.everyday import split_manners
from gateway.pipeline.mentor.reading.people_named import list_program_mentees, read_named
from gateway.pipeline.mentor.reading.read import Typed, Unclear, read_addressed, read_command
from models import Handoff, Message

# How long SEND may come after the text that was held back.
SEND_WITHIN = timedelta(hours=1)
# The lines that say a text was held back. SEND works after each of them.
HELD_BACK = ("held_back", "held_back_away", "held_back_note", "held_back_machine")
# Behind a code, ON or "later" are words: that is how to send them.
BEHIND_CODE = ("take", "pass", "done", "accept", "brief", "note", "give", "debrief")
FORMS = {
    "take": "TAKE {code}",
    "pass": "PASS {code}",  # nosec B105: a command, no password
    "done": "DONE {code}",
    "brief": "BRIEF {code}",
    "accept": "ACCEPT {code}",
    "later": "LATER {code} 30",
    "note": "NOTE {code} and your note",
    "give": "GIVE {code} to Noor",
    "away": "AWAY until Monday",
    "off": "OFF",
    "on": "ON",
    "debrief": "DEBRIEF and your words",
    "talk": "TALK",
    "waiting": "WAITING",
    "send": "SEND",
    "record": "RECORD, a name and your words",
    "write": "WRITE, a name and your words",
    "open": "OPEN, a name, SOON and a reason",
}
# Commands that name a mentee (people_named.py).
NAMING = ("record", "write", "open")


def match_unclear(turn: Turn) -> Unclear | None:
    read = read_command(turn.words)
    code, rest = read_addressed(turn.words)
    if read is None and code is not None:
        read = read_command(rest)  # K4RT TAKE
        if isinstance(read, Typed) and read.word in BEHIND_CODE:
            return Unclear(read.word)
    return read if isinstance(read, Unclear) else _named_almost(turn)


def _named_almost(turn: Turn) -> Unclear | None:
    """RECORD MAYA and its kin in quotation marks, with manners, or with a typing error."""
    _, plain = split_manners(undecorate(turn.words))
    first = re.match(r"[a-z]+", plain, re.IGNORECASE)
    verb = first and next((one for one in NAMING if within_one_edit(first[0].lower(), one)), None)
    if first is None or verb is None:
        return None
    said = (verb.upper() if first[0].isupper() else verb) + plain[first.end() :]
    return Unclear(verb) if read_named(verb, said, list_program_mentees(turn)) else None


def ask_which(turn: Turn, unclear: Unclear) -> None:
    held = list_held(turn)
    form = FORMS[unclear.word or "take"].format(code=_example(turn, held))
    raise Refusal("held_back" if held else "command_how", form=form)


def send_held_back(turn: Turn, command: Typed) -> None:
    """Send the mentor's text before this one, if it was held back."""
    text, held = _find_held_back(turn), list_held(turn)
    if text is None:
        raise Refusal("send_none")
    if not held:
        raise Refusal("hold_none")
    addressed, words = read_addressed(text.words)
    code = command.code or addressed
    if code is None and len(held) > 1:
        raise ambiguous(turn, held)
    if code is None:
        handoff = held[0]
        lock(turn, handoff)
    else:
        handoff = find_handoff(turn, code)
    check_held(turn, handoff)
    lock(turn, handoff, text)
    write_to_mentee(turn, handoff, words if addressed else text.words, relayed_from=text)
    turn.say("sent_on", code=turn.code(handoff))


def _find_held_back(turn: Turn) -> Message | None:
    text = turn.session.scalar(
        select(Message)
        .where(
            Message.conversation_id == turn.conversation.id,
            Message.id < turn.message.id,
            Message.outgoing.is_(False),
            Message.at > turn.now - SEND_WITHIN,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    if text is None:
        return None
    answered = select(Message.id).where(
        Message.conversation_id == turn.conversation.id,
        Message.id.between(text.id, turn.message.id),
        Message.script.in_(HELD_BACK),
    )
    return text if turn.session.scalar(answered.limit(1)) is not None else None


def _example(turn: Turn, held: list[Handoff]) -> str:
    known = [*held, *list_paged(turn)]
    return turn.code(known[0]) if known else "K4RT"
