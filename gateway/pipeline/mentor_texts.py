"""What a mentor's text does: a command acted on, or words passed on to the mentee they hold.

Each text is answered or passed on; what could mean two things is refused with the choice. How a
text is read stands in gateway/pipeline/mentor_commands.py.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import (
    NOT_AGAIN,
    latest_snoozes,
    mentees_with_concern,
    mentors_under_concern,
)
from escalation.handoffs.handoffs import (
    AlreadyTaken,
    NeedsReason,
    claim,
    lock_conversation,
    release,
    resolve,
)
from escalation.handoffs.ladder import pass_on, put_off
from escalation.handoffs.moves import Closed, NotHolder, Refused
from escalation.handoffs.transfers import (
    CannotTransfer,
    TransferOver,
    answer_transfer,
    get_open_transfer,
    offer_transfer,
    transfers_offered_to,
    who_could_take,
)
from escalation.speech.message_writer import say
from gateway.conversations.relay import write_to_mentee
from gateway.conversations.turn import Turn
from gateway.handoffs.debriefs import answer_debrief, list_answerable_debriefs
from gateway.handoffs.notes import BadNote, write_note
from gateway.people.absences import (
    Past,
    TimeAway,
    Unreadable,
    come_back,
    go_away,
    read_time_away,
    until_in_words,
)
from gateway.pipeline.mentor_commands import (
    Command,
    read_addressed,
    read_command,
    read_minutes,
    read_outcome,
)
from gateway.privacy.opt_out import act_on_opt_out, match_opt_out
from gateway.runtime.line import Line
from models import (
    Alert,
    Conversation,
    Handoff,
    Message,
    Outcome,
    Person,
    Role,
    Status,
    Transfer,
    Urgency,
)

# How long LATER may put off, in minutes.
SHORTEST_LATER, LONGEST_LATER = 5, 720

# A line of the script and its blanks.
Answer = tuple[str, dict[str, object]]
NO_ANSWER: Answer = ("", {})
# What a command's verb returns when, where the mentor stands, the text is words after all.
WORDS = None


def act_on_mentor_text(turn: Turn) -> None:
    """Do what a mentor's text says, and answer it in the mentor's own thread."""
    session, line, thread, message = turn.session, turn.line, turn.conversation, turn.message
    mentor, now = turn.person, turn.now
    assert mentor is not None  # only people of the program are mentors
    word = match_opt_out(turn)
    if word is not None and act_on_opt_out(turn, word):
        return
    if mentor.left_at is not None:
        program = thread.program.name
        say(session, line.rules, thread, "mentor_left", now=now, program=program)
        return
    command = read_command(message.words)
    answer = VERBS[command.word](session, line, mentor, command, now=now) if command else WORDS
    if answer is WORDS:
        answer = _pass_words_on(session, line, mentor, message, now=now)
    key, blanks = answer
    if key:
        say(session, line.rules, thread, *key.split("+"), now=now, **blanks)


def _take(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    code = command.code
    if code is None:
        waiting = waiting_in(session, mentor)
        if len(waiting) != 1:
            return ("take_which", {"codes": join_codes(waiting)}) if waiting else ("take_none", {})
        code = waiting[0].id
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    if transfer := _offered_to(session, handoff, mentor):
        return _answer_offer(session, line, mentor, transfer, accept=True, now=now)
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
    """No to a colleague's offer, giving back what one holds, or no to what one was called to."""
    code = command.code
    if code is None:
        held, called = held_by(session, mentor), called_to(session, mentor)
        asked = [transfer.handoff_id for transfer in transfers_offered_to(session, mentor)]
        could = sorted({*asked, *(handoff.id for handoff in [*held, *called])})
        if len(could) != 1:
            return ("pass_which", {"codes": _in_codes(could)}) if could else ("hold_none", {})
        code = could[0]
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    if transfer := _offered_to(session, handoff, mentor):
        return _answer_offer(session, line, mentor, transfer, accept=False, now=now)
    if not handoff.is_open:
        return "is_closed", {"code": code}
    if handoff.status is Status.CLAIMED and handoff.mentor_id != mentor.id:
        return _held_by_other(handoff)
    if handoff.status is Status.CLAIMED:
        release(session, handoff, by=mentor, now=now, rules=line.rules, later=line.later)
        return "released_mentor", {"code": code}
    others = pass_on(session, handoff, mentor, now=now, rules=line.rules, later=line.later)
    return ("passed" if others else "passed_last"), {"code": code}


def _later(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer | None:
    code, minutes = command.code, read_minutes(command.rest)
    called = called_to(session, mentor)
    if code is None and not called:
        says_goodbye = not command.rest and held_by(session, mentor)
        return WORDS if says_goodbye else ("later_none", {})
    if code is None:
        if minutes is not None and len(called) > 1:
            codes, example = join_codes(called), called[0].id
            return "later_which", {"codes": codes, "example": example}
        waiting = {handoff.id for handoff in waiting_in(session, mentor)}
        if command.rest.isdecimal() and minutes in waiting:
            return "later_or_number", {"code": minutes}
        code = called[0].id
    if minutes is None or not SHORTEST_LATER <= minutes <= LONGEST_LATER:
        return "later_how", {"example": code}
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    if not handoff.is_open:
        return "is_closed", {"code": code}
    if handoff.status is Status.CLAIMED:
        return _held_by_other(handoff, mentor)
    until = now + timedelta(minutes=minutes)
    put_off(session, handoff, mentor, until, now=now, later=line.later)
    return "put_off", {"code": code, "until": _local(until, mentor, now=now)}


def _brief(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    code = command.code
    if code is None:
        could = held_by(session, mentor) or waiting_in(session, mentor)
        if len(could) != 1:
            return ("brief_which", {"codes": join_codes(could)}) if could else ("take_none", {})
        code = could[0].id
    if _handoff(session, mentor, code) is None:
        return "no_such_handoff", {"code": code}
    return "brief_link", {"code": code, "link": line.rules.link(code)}


def _note(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    """A note that cannot be kept is never passed on as words: they were not meant to be read."""
    code = command.code
    if code is None:
        held = held_by(session, mentor)
        return "note_how", {"example": held[0].id if held else 7}
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "note_not_yours", {"code": code}
    try:
        write_note(session, handoff, mentor, command.rest, now=now)
    except NotHolder:
        return "note_not_yours", {"code": code}
    except BadNote:
        return "note_how", {"example": code}
    return "noted", {"code": code}


def _away(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer | None:
    zone, ends = ZoneInfo(mentor.timezone), line.rules.policy.mentors.away_ends_at
    held = held_by(session, mentor)
    try:
        away = read_time_away(command.rest, zone, now=now, ends=ends)
    except Past:
        return "away_past", {}
    except Unreadable:
        # "away until late, sorry" may be either; "away from my desk" and "off to work" are words.
        if re.match(r"(?:until|till?|\d)", command.rest, re.IGNORECASE):
            return ("away_or_words", {"example": f"#{held[0].id}"}) if held else ("away_how", {})
        return WORDS if held or command.word == "off" else ("away_how", {})
    go_away(session, mentor, away, by=mentor, now=now)
    key, blanks = _told_away(away, mentor, now=now)
    if held:
        key, blanks = "+".join([key, "away_holds"]), blanks | {"codes": join_codes(held)}
    return key, blanks


def _told_away(away: TimeAway, mentor: Person, *, now: datetime) -> Answer:
    """What was understood of AWAY, in the mentor's own time zone."""
    if away.ends_at is None:
        return "away_open", {}
    until = _local(away.ends_at, mentor, now=now)
    if away.begins_at > now:
        return "away_planned", {"start": _local(away.begins_at, mentor, now=now), "until": until}
    return "away_until", {"until": until}


def _on(session: Session, line: Line, mentor: Person, command: Command, *, now: datetime) -> Answer:
    come_back(session, mentor, now=now)
    return "back_on", {}


def _give(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer | None:
    held = held_by(session, mentor)
    codes = {handoff.id for handoff in held}
    named, note = _colleague_named(session, mentor, re.sub(r"(?i)^to\b", "", command.rest).strip())
    if not named and command.code not in codes:
        return WORDS
    if command.code is None and len(held) != 1:
        return ("which_of", _choice(held)) if held else ("hold_none", {})
    code = command.code or held[0].id
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    if len(named) > 1:
        return "give_which", {"who": named[0].name, "link": line.rules.link(code)}
    if not named:
        could = who_could_take(session, handoff, by=mentor, now=now, rules=line.rules)
        return "give_how", {"code": code, "who": could[0].name if could else "Alex"}
    (to,) = named
    try:
        offer_transfer(session, handoff, by=mentor, to=to, note=note, now=now, rules=line.rules)
    except CannotTransfer as refusal:
        return "give_refused", {"code": code, "why": refusal.sentence}
    except Closed:
        return "is_closed", {"code": code}
    except NotHolder:
        return "not_yours", {"code": code}
    minutes = line.rules.policy.mentors.transfer_within(handoff.urgency) / timedelta(minutes=1)
    return "given", {"code": code, "who": to.name, "minutes": round(minutes)}


def _accept(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    asked = transfers_offered_to(session, mentor)
    code = command.code
    if code is None:
        if len(asked) != 1:
            codes = _in_codes([transfer.handoff_id for transfer in asked])
            return ("accept_which", {"codes": codes}) if asked else ("accept_none", {})
        code = asked[0].handoff_id
    handoff = _handoff(session, mentor, code)
    if handoff is None:
        return "no_such_handoff", {"code": code}
    if transfer := _offered_to(session, handoff, mentor):
        return _answer_offer(session, line, mentor, transfer, accept=True, now=now)
    if handoff.mentor_id == mentor.id and handoff.is_open:
        return "already_yours", {"code": code}
    return "not_offered", {"code": code}


def _answer_offer(
    session: Session,
    line: Line,
    mentor: Person,
    transfer: Transfer,
    *,
    accept: bool,
    now: datetime,
) -> Answer:
    rules, code = line.rules, transfer.handoff_id
    try:
        answer_transfer(
            session, transfer, by=mentor, accept=accept, now=now, rules=rules, later=line.later
        )
    except TransferOver:
        return "not_offered", {"code": code}
    if accept:
        return "you_have", {"code": code, "link": rules.link(code)}
    return "you_declined", {"code": code, "who": transfer.from_.name}


def _debrief(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    """Like a note, what was meant for nobody else is never passed on as words."""
    asked = list_answerable_debriefs(session, mentor, now=now, rules=line.rules)
    if not asked:
        return "debrief_none", {}
    if not command.rest:
        return "debrief_how", {}
    answer_debrief(session, asked[0], words=command.rest, now=now, rules=line.rules)
    return "debrief_noted", {}


def _talk(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer | None:
    asked = list_answerable_debriefs(session, mentor, now=now, rules=line.rules)
    if not asked:
        return WORDS
    told = answer_debrief(session, asked[0], wants_to_talk=True, now=now, rules=line.rules)
    return ("talk_told" if told else "talk_nobody"), {}


def _waiting(
    session: Session, line: Line, mentor: Person, command: Command, *, now: datetime
) -> Answer:
    waiting = waiting_in(session, mentor)
    return ("waiting_list", {"codes": join_codes(waiting)}) if waiting else ("take_none", {})


Verb = Callable[..., Answer | None]
VERBS: dict[str, Verb] = {
    "take": _take,
    "done": _done,
    "pass": _pass,
    "waiting": _waiting,
    "later": _later,
    "brief": _brief,
    "note": _note,
    "away": _away,
    "off": _away,
    "on": _on,
    "give": _give,
    "accept": _accept,
    "debrief": _debrief,
    "talk": _talk,
}


def _pass_words_on(
    session: Session, line: Line, mentor: Person, message: Message, *, now: datetime
) -> Answer:
    """Give the mentor's words to the mentee they hold, under the mentor's name."""
    held = held_by(session, mentor)
    code, words = read_addressed(message.words, {handoff.id for handoff in held})
    if code is None and len(held) > 1:
        return "which_of", _choice(held)
    handoff = held[0] if code is None and held else _handoff(session, mentor, code or 0)
    if handoff is None:
        return ("no_such_handoff", {"code": code}) if code else ("hold_none", {})
    if handoff.mentor_id != mentor.id or handoff.status is not Status.CLAIMED:
        return ("not_yours" if handoff.is_open else "is_closed"), {"code": handoff.id}
    write_to_mentee(session, handoff, mentor, words, now=now, relayed_from=message)
    return NO_ANSWER


def waiting_in(session: Session, person: Person) -> list[Handoff]:
    """Who waits in this person's program: the most urgent first, then the longest waiting.

    Those mentees are left out who have named this person in a concern that is still open.
    """
    return list(
        session.scalars(
            select(Handoff)
            .join(Conversation)
            .where(
                Handoff.status == Status.WAITING,
                Conversation.program_id == person.program_id,
                # A thread of a number nobody enrolled has no person.
                func.coalesce(Conversation.person_id, 0).not_in(mentees_with_concern(person)),
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


def called_to(session: Session, person: Person) -> list[Handoff]:
    """What waits, to which `person` was called and has not said PASS; the most urgent first."""
    called = set(session.scalars(select(Alert.handoff_id).where(Alert.person_id == person.id)))

    def has_passed(handoff: Handoff) -> bool:
        said = latest_snoozes(session, handoff).get(person.id)
        return said is not None and said.until == NOT_AGAIN

    return [
        handoff
        for handoff in waiting_in(session, person)
        if handoff.id in called and not has_passed(handoff)
    ]


def join_codes(handoffs: list[Handoff]) -> str:
    return _in_codes([handoff.id for handoff in handoffs])


def _in_codes(numbers: list[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers)


def _choice(held: list[Handoff]) -> dict[str, object]:
    return {"codes": join_codes(held), "example": f"#{held[0].id}"}


def _local(at: datetime, mentor: Person, *, now: datetime) -> str:
    return until_in_words(at, ZoneInfo(mentor.timezone), now=now)


def _held_by_other(handoff: Handoff, mentor: Person | None = None) -> Answer:
    """Who has it, or that `mentor` has it."""
    if mentor is not None and handoff.mentor_id == mentor.id:
        return "already_yours", {"code": handoff.id}
    holder = handoff.mentor.name if handoff.mentor else "somebody"
    return "taken_by_other", {"code": handoff.id, "holder": holder}


def _offered_to(session: Session, handoff: Handoff, mentor: Person) -> Transfer | None:
    transfer = get_open_transfer(session, handoff)
    return transfer if transfer is not None and transfer.to_id == mentor.id else None


def _colleague_named(session: Session, mentor: Person, words: str) -> tuple[list[Person], str]:
    """The colleagues whose name `words` begin with, and what follows it.

    All of that name, where several have it; `mentor` only where nobody else has it.
    """
    colleagues = session.scalars(
        select(Person)
        .where(
            Person.program_id == mentor.program_id,
            Person.role != Role.MENTEE,
            Person.left_at.is_(None),
        )
        .order_by(Person.id)
    ).all()
    found = {
        one: len(one.name)
        for one in colleagues
        if re.match(rf"{re.escape(one.name)}(?!\w)", words, re.IGNORECASE)
    }
    longest = max(found.values(), default=0)
    named = [one for one, length in found.items() if length == longest]
    others = [one for one in named if one.id != mentor.id]
    return others or named, words[longest:].strip(" \t\r\n:.,-")


def _handoff(session: Session, person: Person, code: int) -> Handoff | None:
    """The handoff with this number, locked with its conversation; None outside the program.

    None too where the mentee has named this person in an open concern, unless they hold it.
    """
    handoff = session.get(Handoff, code)
    if handoff is None or handoff.conversation.program_id != person.program_id:
        return None
    lock_conversation(session, handoff.conversation_id)
    session.refresh(handoff)
    if handoff.mentor_id == person.id:
        return handoff
    concerns = mentors_under_concern(session, handoff.conversation.person_id)
    return None if person.id in concerns else handoff


def _one_held(
    session: Session, mentor: Person, code: int | None, *, ask: str
) -> tuple[Handoff | None, Answer]:
    held = held_by(session, mentor)
    if code is None:
        if len(held) != 1:
            codes: dict[str, object] = {"codes": join_codes(held)}
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


def _outcome_and_reason(rest: str, handoff: Handoff) -> tuple[Outcome | None, str]:
    """What DONE said. Without an outcome, a handoff with a first message counts as talked."""
    outcome = read_outcome(rest)
    if outcome is None:
        talked = handoff.first_reply_at is not None and handoff.urgency is not Urgency.CRISIS
        return (Outcome.TALKED if talked else None), rest
    reason = re.split(r"[\s:.,-]+", rest.strip(), maxsplit=1)[1:]
    return outcome, reason[0].strip() if reason else ""
