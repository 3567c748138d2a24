"""A mentor's text: a command about a handoff, or words for the mentee they hold.

Tolerant of case, spaces and punctuation; each text is answered; what could mean two things is
refused with the choice. No command is a word that carriers read as consent (STOP, END, ...).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs import (
    AlreadyTaken,
    Closed,
    NeedsReason,
    NotHolder,
    Refused,
    claim,
    hold_conversation,
    note_human_message,
    release,
    resolve,
)
from escalation.voice import say, speak_as_person
from gateway.consent import act_on_consent
from gateway.line import Line
from models import Conversation, Handoff, Message, Outcome, Person, Status, Urgency

COMMAND = re.compile(
    r"""\s*(?P<word>take|done|pass|waiting)\b [\s:.,-]* (?:\#?\s*(?P<code>\d{1,9})\b)?
        [\s:.,-]* (?P<rest>.*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# '#7 hello' or '7: hello'. A bare '7 hello' may well be words: "7 is when I finish work".
ADDRESSED = re.compile(r"\s*(?:\#\s*(\d{1,9})\b[\s:.,-]*|(\d{1,9})\s*:\s*)(.*)", re.DOTALL)
# Twilio takes 1,600 characters; the label with the name comes on top.
LONGEST_TEXT = 1500


@dataclass(frozen=True)
class Command:
    """`take`, `done`, `pass` or `waiting`, the number after it if any, and the rest."""

    word: str
    code: int | None
    rest: str


def read_command(words: str) -> Command | None:
    """The command a text gives, or None when it is words for somebody.

    TAKE and WAITING stand alone, or TAKE with a number; "take care" is words. DONE may be
    followed by a number, an outcome and a reason, but "done with work soon" is words too.
    """
    matched = COMMAND.fullmatch(words)
    if matched is None:
        return None
    word, rest = matched["word"].lower(), matched["rest"].strip()
    code = int(matched["code"]) if matched["code"] else None
    if rest and (word in ("take", "waiting", "pass") or (code is None and not _outcome(rest))):
        return None
    return Command(word, code, rest)


def act_on_mentor_text(
    session: Session, line: Line, thread: Conversation, message: Message, *, now: datetime
) -> None:
    """Do what a mentor's text says, and answer it in the mentor's own thread."""
    mentor = thread.person
    assert mentor is not None  # only people of the programme are mentors
    if act_on_consent(session, line, thread, message, now=now):
        return
    command = read_command(message.words)
    if command is None:
        key, blanks = _pass_words_on(session, line, mentor, message, now=now)
    else:
        act = {"take": _take, "done": _done, "pass": _pass, "waiting": _waiting}[command.word]
        key, blanks = act(session, line, mentor, command, now=now)
    if key:
        say(session, line.rules, thread, key, now=now, **blanks)


Answer = tuple[str, dict[str, object]]
NO_ANSWER: Answer = ("", {})


def _take(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    code = command.code
    if code is None:
        waiting = waiting_in(session, mentor)
        if len(waiting) != 1:
            return ("take_which", {"codes": codes_of(waiting)}) if waiting else ("take_none", {})
        code = waiting[0].id
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    try:
        claim(session, handoff, mentor, now=now, rules=line.rules, later=line.later)
    except AlreadyTaken as taken:
        if taken.holder_id == mentor.id:
            return "already_yours", {"code": code}
        return "taken_by_other", {"code": code, "holder": taken.holder}
    except Closed:
        return "is_closed", {"code": code}
    return "you_have", {"code": code, "link": line.rules.link(code)}


def _done(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    handoff, refusal = _one_held(session, mentor, command.code, ask="done_which")
    if handoff is None:
        return refusal
    outcome, reason = _outcome_and_reason(command.rest, handoff)
    if outcome is None:
        return "done_needs_outcome", {"code": handoff.id}
    try:
        resolve(session, handoff, outcome, by=mentor, note=reason, now=now, rules=line.rules)
    except NeedsReason:
        return "done_needs_reason", {"code": handoff.id}
    except NotHolder:
        return "not_yours", {"code": handoff.id}
    except Refused:
        return "is_closed", {"code": handoff.id}
    return "done", {"code": handoff.id, "outcome": outcome.value}


def _pass(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    handoff, refusal = _one_held(session, mentor, command.code, ask="done_which")
    if handoff is None:
        return refusal
    release(session, handoff, by=mentor, now=now, rules=line.rules, later=line.later)
    return "released_mentor", {"code": handoff.id}


def _waiting(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    waiting = waiting_in(session, mentor)
    return ("waiting_list", {"codes": codes_of(waiting)}) if waiting else ("take_none", {})


def _pass_words_on(
    session: Session, line: Line, mentor: Person, message: Message, *, now: datetime
) -> Answer:
    """Give the mentor's words to the mentee they hold, under the mentor's name."""
    held = held_by(session, mentor)
    code, words = _addressed(message.words, held)
    if code is None and len(held) > 1:
        example = f"#{held[0].id}"
        return "which_of", {"codes": codes_of(held), "example": example}
    handoff = held[0] if code is None and held else _handoff(session, mentor, code or 0)
    if handoff is None:
        return ("no_such_handoff", {"code": code}) if code else ("hold_none", {})
    if handoff.mentor_id != mentor.id or handoff.status is not Status.CLAIMED:
        return ("not_yours" if handoff.is_open else "is_closed"), {"code": handoff.id}
    write_to_mentee(session, handoff, mentor, words, now=now, relayed_from=message)
    return NO_ANSWER


def write_to_mentee(
    session: Session,
    handoff: Handoff,
    mentor: Person,
    words: str,
    *,
    now: datetime,
    relayed_from: Message | None = None,
) -> None:
    """A mentor's words into the mentee's thread. The caller has seen that they hold it."""
    for start in range(0, max(len(words), 1), LONGEST_TEXT):
        part = words[start : start + LONGEST_TEXT]
        speak_as_person(
            session, handoff.conversation, mentor, part, now=now, relayed_from=relayed_from
        )
    note_human_message(session, handoff, now=now)


def waiting_in(session: Session, person: Person) -> list[Handoff]:
    """Who waits in this person's programme: the most urgent first, then the longest waiting."""
    return list(
        session.scalars(
            select(Handoff)
            .join(Conversation)
            .where(
                Handoff.status == Status.WAITING,
                Conversation.programme_id == person.programme_id,
            )
            .order_by(Handoff.urgency.desc(), Handoff.opened_at)
        )
    )


def held_by(session: Session, person: Person) -> list[Handoff]:
    return list(
        session.scalars(
            select(Handoff)
            .where(Handoff.status == Status.CLAIMED, Handoff.mentor_id == person.id)
            .order_by(Handoff.id)
        )
    )


def codes_of(handoffs: list[Handoff]) -> str:
    return ", ".join(f"#{handoff.id}" for handoff in handoffs)


def _handoff(session: Session, person: Person, code: int) -> Handoff | None:
    """The handoff with this number, locked with its conversation; None outside the programme."""
    handoff = session.get(Handoff, code)
    if handoff is None or handoff.conversation.programme_id != person.programme_id:
        return None
    hold_conversation(session, handoff.conversation_id)
    session.refresh(handoff)
    return handoff


def _one_held(
    session: Session, mentor: Person, code: int | None, *, ask: str
) -> tuple[Handoff | None, Answer]:
    held = held_by(session, mentor)
    if code is None:
        if len(held) != 1:
            codes: dict[str, object] = {"codes": codes_of(held)}
            return None, ((ask, codes) if held else ("hold_none", {}))
        code = held[0].id
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return None, ("no_such_handoff", {"code": code})
    if not handoff.is_open:
        return None, ("is_closed", {"code": code})
    if handoff.mentor_id != mentor.id:
        return None, ("not_yours", {"code": code})
    return handoff, NO_ANSWER


def _outcome(rest: str) -> Outcome | None:
    first = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[0].casefold()
    return next((outcome for outcome in Outcome if outcome.value == first), None)


def _outcome_and_reason(rest: str, handoff: Handoff) -> tuple[Outcome | None, str]:
    """What DONE said. Without an outcome, a handoff with a first message counts as talked."""
    outcome = _outcome(rest)
    if outcome is None:
        talked = handoff.first_reply_at is not None and handoff.urgency is not Urgency.CRISIS
        return (Outcome.TALKED if talked else None), rest
    reason = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[1:]
    return outcome, reason[0].strip() if reason else ""


def _addressed(words: str, held: list[Handoff]) -> tuple[int | None, str]:
    """The number a text is addressed to, if any, and the words after it."""
    matched = ADDRESSED.fullmatch(words)
    if matched is None:
        return None, words
    code = int(matched[1] or matched[2])
    # '7:' may be a time or a score; with the '#' it is always a number of ours.
    if matched[2] and code not in {handoff.id for handoff in held}:
        return None, words
    return code, matched[3]
