"""WRITE and OPEN: a mentor writes first, or asks that somebody write.

Anyone can forge a sender's number. So the words of WRITE go out only after a second text with a
code, which only the mentor's own phone shows.
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escalation.handoffs.codes import DIGITS, LETTERS
from escalation.handoffs.jobs import Work
from escalation.speech.message_writer import get_thread
from gateway.conversations.relay import link_text, was_relayed
from gateway.conversations.turn import Turn
from gateway.handoffs.first_messages import (
    CannotStart,
    WriteFirst,
    list_openable_mentees,
    list_own_mentees,
    open_for_mentee,
    write_first,
)
from gateway.pipeline.mentor.held_back import ask_if_words
from gateway.pipeline.mentor.lookup import (
    Refusal,
    check_code_limit,
    choose_mentee,
    find_handoff,
    how_to,
    list_answered,
    mentors_time,
)
from gateway.pipeline.mentor.reading.everyday import without_manners
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
# The page where mentors choose a mentee.
PATH = "/console/mentees"
URGENCY = re.compile(r"(routine|soon|urgent|crisis)\b[\s:.,-]*", re.IGNORECASE)

match_write = names_mentee("write")
match_open = names_mentee("open")


def write(turn: Turn, command: Named) -> None:
    if command.code is not None:
        _confirm(turn, command.code, command.rest)
        return
    if command.rest and not command.people:
        ask_if_words(turn, "write")  # WRITE ME BACK
    may = list_own_mentees(turn.session, turn.mentor)
    mentee = choose_mentee(turn, command, may, verb="write", path=PATH)
    if not command.rest:
        raise how_to("write", may)
    link_text(turn, turn.message, get_thread(turn.session, turn.rules, mentee).id)
    minutes = CONFIRM_WITHIN // timedelta(minutes=1)
    turn.say("write_confirm", who=mentee.name, code=_code_of(turn.message), minutes=minutes)


def _confirm(turn: Turn, code: str, rest: str) -> None:
    check_code_limit(turn)
    draft = next((one for one in _list_drafts(turn) if _code_of(one) == code), None)
    if draft is None:
        find_handoff(turn, code)  # a wrong code counts, and is refused
    may = list_own_mentees(turn.session, turn.mentor)
    if draft is None or was_relayed(turn.session, draft):
        raise how_to("write", may)
    command = read_named("write", draft.words, list_program_mentees(turn))
    if command is None:
        raise how_to("write", may)
    mentee = choose_mentee(turn, command, may, verb="write", path=PATH)
    try:
        begun = write_first(turn, turn.mentor, mentee, draft, words_from=command.begins)
    except CannotStart as refused:
        raise Refusal("write_refused", who=mentee.name, why=refused.sentence) from None
    if isinstance(begun, Handoff):
        turn.say_about(begun, "wrote_first", who=mentee.name)
    else:
        turn.say("write_held", who=mentee.name, time=mentors_time(turn, begun))
    if without_manners(rest):
        turn.say("rest_not_sent")


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
    if command.rest and not command.people and command.code is None:
        ask_if_words(turn, "open")  # OPEN UP TO HER
    may = list_openable_mentees(turn.session, turn.mentor)
    mentee = choose_mentee(turn, command, may, verb="open", path=PATH)
    said = URGENCY.match(command.rest)
    reason = command.rest[said.end() :].strip() if said else ""
    if said is None or not reason:
        raise how_to("open", may)
    word = said[1].upper()
    urgency = Urgency["CRISIS" if word == "URGENT" else word]
    link_text(turn, turn.message, get_thread(turn.session, turn.rules, mentee).id)
    try:
        handoff = open_for_mentee(turn, mentee, urgency, by=turn.mentor, reason=reason)
    except CannotStart as refused:
        raise Refusal("open_refused", who=mentee.name, why=refused.sentence) from None
    key = "opened_for" if handoff.rung >= 0 else "opened_for_later"
    turn.say_about(handoff, key, who=mentee.name)


def _list_drafts(turn: Turn) -> list[Message]:
    """The latest text for each mentee that `write_confirm` answered not too long ago."""
    drafts: dict[int | None, Message] = {}
    for text, _ in list_answered(turn, ["write_confirm"], within=CONFIRM_WITHIN):
        drafts.setdefault(text.about_id, text)
    return list(drafts.values())


def _code_of(draft: Message) -> str:
    """A code for one text, of the form of a handoff's code. Only we can compute it."""
    digest = fingerprint("write first", str(draft.id))
    both = LETTERS + DIGITS
    picked = (LETTERS, DIGITS, both, both)
    return "".join(signs[byte % len(signs)] for signs, byte in zip(picked, digest, strict=False))
