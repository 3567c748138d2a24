"""A text that may be a command or words for a mentee goes nowhere until the mentor says which.

SEND sends it on. So nothing is lost, and nothing meant for the team reaches a mentee.
"""

import re
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from escalation.received.undecorate import undecorate, within_one_edit
from gateway.conversations.relay import link_text, was_relayed, write_to_mentee
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.lookup import (
    Refusal,
    find_addressee,
    list_answered,
    list_held,
    list_paged,
)
from gateway.pipeline.mentor.reading.everyday import split_manners, without_manners
from gateway.pipeline.mentor.reading.managed import verb_in_capitals
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
    "takeover": "TAKEOVER {code}",
    "release": "RELEASE {code}",
    "assign": "ASSIGN {code} to Noor and why",
    "raise": "RAISE {code} crisis and why",
    "lower": "LOWER {code} routine and why",
    "close": "CLOSE {code} and why",
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
    return _read_almost(turn, rest) or (read if isinstance(read, Unclear) else None)


def _read_almost(turn: Turn, words: str) -> Unclear | None:
    """RECORD MAYA and its kin, behind a code, in quotation marks, with manners, or with a typing
    error; or RELEASE and its kin in capitals, without the typing error.
    """
    _, plain = split_manners(undecorate(words))
    if (managed := verb_in_capitals(plain)) is not None:
        return Unclear(managed)
    first = re.match(r"[a-z]+", plain, re.IGNORECASE)
    verb = first and next((one for one in NAMING if within_one_edit(first[0].lower(), one)), None)
    if first is None or verb is None:
        return None
    said = (verb.upper() if first[0].isupper() else verb) + plain[first.end() :]
    return Unclear(verb) if read_named(verb, said, list_program_mentees(turn)) else None


def ask_which(turn: Turn, unclear: Unclear) -> None:
    word = unclear.word or "take"
    ask_if_words(turn, word)
    raise Refusal("command_how", form=_form(turn, word, []))


def ask_if_words(turn: Turn, word: str) -> None:
    """Raises Refusal if the mentor holds a handoff: the command may be words for that mentee."""
    if held := list_held(turn):
        raise Refusal("held_back", form=_form(turn, word, held))


def match_send(turn: Turn) -> Typed | None:
    """SEND, SEND K4RT, or K4RT SEND. Also "ok send" and "snd" while a text is held back."""
    code, read = _read_send(turn.words)
    if read is None or (isinstance(read, Unclear) and _find_held_back(turn) is None):
        return None
    return Typed("send", code, "")


def send_held_back(turn: Turn, command: Typed) -> None:
    """Send the text that was held back to the mentee."""
    text, held = _find_held_back(turn), list_held(turn)
    if text is None:
        raise Refusal("send_none")
    if not held:
        raise Refusal("hold_none")
    said = replace(turn, message=text).words
    addressed, words = read_addressed(said)
    handoff = find_addressee(turn, held, command.code or addressed)
    link_text(turn, text, handoff.conversation_id)
    write_to_mentee(turn, handoff, words if addressed else said, relayed_from=text)
    turn.say("sent_on", *(["picture_left_out"] if text.media else []), code=turn.code(handoff))


def _read_send(words: str) -> tuple[str | None, Typed | Unclear | None]:
    """The code in a text that says SEND, and the command; (None, None) for another text."""
    addressed, rest = read_addressed(words)
    read = read_command(rest)
    if read is None or read.word != "send":
        return None, None
    if isinstance(read, Typed):
        return read.code or addressed, read
    # "SEND JO" may mean another mentee, and "SEND HELP" may be words: it is asked about.
    _, plain = split_manners(undecorate(rest))
    return (addressed, read) if len(without_manners(plain).split()) == 1 else (None, None)


def _find_held_back(turn: Turn) -> Message | None:
    """The newest text that was held back, until it is sent or the mentor texts something else."""
    answered = list_answered(turn, HELD_BACK, within=SEND_WITHIN)
    if not answered:
        return None
    text, line = answered[0]
    since = select(Message).where(
        Message.conversation_id == turn.conversation.id,
        Message.outgoing.is_(False),
        Message.id.between(line, turn.message.id - 1),
    )
    other = any(_read_send(one.words)[1] is None for one in turn.session.scalars(since))
    return None if other or was_relayed(turn.session, text) else text


def _form(turn: Turn, word: str, held: list[Handoff]) -> str:
    known = [*held, *list_paged(turn)]
    return FORMS[word].format(code=turn.code(known[0]) if known else "K4RT")
