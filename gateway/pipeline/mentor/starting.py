"""WRITE and OPEN: a mentor writes first, or asks that somebody write.

Anyone can forge a sender's number. So the words of WRITE go out only after a second text with a
code, which only the mentor's own phone shows.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escalation.handoffs.codes import DIGITS, LETTERS
from escalation.handoffs.jobs import Work
from escalation.speech.message_writer import get_thread
from gateway.conversations.relay import link_text
from gateway.conversations.turn import Turn
from gateway.handoffs.first_messages import (
    CannotStart,
    WriteFirst,
    list_openable_mentees,
    list_own_mentees,
    open_for_mentee,
    write_first,
)
from gateway.pipeline.mentor.lookup import Refusal, check_code_limit, find_handoff, mentors_time
from gateway.pipeline.mentor.reading.people_named import (
    Named,
    list_program_mentees,
    names_mentee,
    read_named,
)
from gateway.runtime.line import Line
from models import Channel, Conversation, Handoff, Message, Person, Role, Urgency, fingerprint

CONFIRM_WITHIN = timedelta(minutes=30)
# Quiet hours are shorter than a day; a gateway may be down for a weekend.
HELD_AT_MOST = timedelta(days=7)
URGENCY = re.compile(r"(routine|soon|urgent|crisis)\b[\s:.,-]*", re.IGNORECASE)

match_write = names_mentee("write")
match_open = names_mentee("open")


def write(turn: Turn, command: Named) -> None:
    if command.code is not None:
        _confirm(turn, command.code)
        return
    mentee = _choose(turn, command, list_own_mentees(turn.session, turn.mentor), "write")
    if not command.rest:
        raise _how(turn, "write")
    link_text(turn, turn.message, get_thread(turn.session, turn.rules, mentee).id)
    minutes = CONFIRM_WITHIN // timedelta(minutes=1)
    turn.say("write_confirm", who=mentee.name, code=_code_of(turn.message), minutes=minutes)


def _confirm(turn: Turn, code: str) -> None:
    check_code_limit(turn)
    draft = _latest_draft(turn)
    if draft is None or code != _code_of(draft):
        find_handoff(turn, code)  # a wrong code counts, and is refused
        raise _how(turn, "write")
    command = read_named("write", draft.words, list_program_mentees(turn))
    if command is None or turn.session.scalar(
        select(Message.id).where(Message.relayed_from_id == draft.id).limit(1)
    ):
        raise _how(turn, "write")
    mentee = _choose(turn, command, list_own_mentees(turn.session, turn.mentor), "write")
    try:
        begun = write_first(turn, turn.mentor, mentee, draft, words_from=command.begins)
    except CannotStart as refused:
        raise Refusal("write_refused", who=mentee.name, why=refused.sentence) from None
    if isinstance(begun, Handoff):
        turn.say_about(begun, "wrote_first", who=mentee.name)
    else:
        turn.say("write_held", who=mentee.name, time=mentors_time(turn, begun))


def first_words_due(line: Line, session: Session, before: datetime) -> list[Work]:
    """Words that were held for the night and should have gone out by now."""
    held = session.execute(
        select(Message, Person)
        .join(Conversation, Conversation.id == Message.about_id)
        .join(Person, Person.id == Conversation.person_id)
        .where(
            Message.outgoing.is_(False),
            Message.next_try_at < before,
            # So that the index of threads by time finds them.
            Message.conversation_id.in_(_staff_threads()),
            Message.at > before - HELD_AT_MOST,
        )
    )
    found = [(draft.id, _words_from(draft, mentee)) for draft, mentee in held]
    return [WriteFirst(number, begins) for number, begins in found if begins is not None]


def _staff_threads() -> Select[int]:
    return (
        select(Conversation.id)
        .join(Person, Person.id == Conversation.person_id)
        .where(Person.role != Role.MENTEE)
    )


def _words_from(draft: Message, mentee: Person) -> int | None:
    """Where the words begin: after WRITE and the name by text, at once on the page."""
    if draft.channel is Channel.WEB:
        return 0
    command = read_named("write", draft.words, [mentee])
    return command.begins if command else None


def open_(turn: Turn, command: Named) -> None:
    mentee = _choose(turn, command, list_openable_mentees(turn.session, turn.mentor), "open")
    said = URGENCY.match(command.rest)
    reason = command.rest[said.end() :].strip() if said else ""
    if said is None or not reason:
        raise _how(turn, "open")
    word = said[1].upper()
    urgency = Urgency["CRISIS" if word == "URGENT" else word]
    link_text(turn, turn.message, get_thread(turn.session, turn.rules, mentee).id)
    try:
        handoff = open_for_mentee(turn, mentee, urgency, by=turn.mentor, reason=reason)
    except CannotStart as refused:
        raise Refusal("open_refused", who=mentee.name, why=refused.sentence) from None
    key = "opened_for" if handoff.rung >= 0 else "opened_for_later"
    turn.say_about(handoff, key, who=mentee.name)


def _choose(turn: Turn, command: Named, may: Sequence[Person], verb: str) -> Person:
    allowed = {one.id for one in may}
    named = [one for one in command.people if one.id in allowed]
    if len(named) > 1:
        link = f"{turn.rules.site}/console/mentees"
        raise Refusal(f"{verb}_which", who=named[0].name, link=link)
    if not named:
        raise _how(turn, verb)
    return named[0]


def _how(turn: Turn, verb: str) -> Refusal:
    mentees = list_openable_mentees(turn.session, turn.mentor)
    return Refusal(f"{verb}_how", example=mentees[0].name if mentees else "Alex")


def _latest_draft(turn: Turn) -> Message | None:
    """The text that the latest `write_confirm` answered, if that was not too long ago."""
    here = Message.conversation_id == turn.conversation.id
    asked = turn.session.scalar(
        select(Message.id)
        .where(here, Message.script == "write_confirm", Message.at > turn.now - CONFIRM_WITHIN)
        .order_by(Message.id.desc())
        .limit(1)
    )
    if asked is None:
        return None
    return turn.session.scalar(
        select(Message)
        .where(here, Message.id < asked, Message.outgoing.is_(False))
        .order_by(Message.id.desc())
        .limit(1)
    )


def _code_of(draft: Message) -> str:
    """A code for one text, of the form of a handoff's code. Only we can compute it."""
    digest = fingerprint("write first", str(draft.id))
    both = LETTERS + DIGITS
    picked = (LETTERS, DIGITS, both, both)
    return "".join(signs[byte % len(signs)] for signs, byte in zip(picked, digest, strict=False))
