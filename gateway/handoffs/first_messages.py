"""A mentor writes first, or a mentor or manager asks that somebody write.

Words at night wait until the mentee's quiet hours end. The mentor's own text, in their thread and
under the mentee's key, is what waits.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.availability import mentees_with_concern
from escalation.handoffs.handoffs import (
    claim,
    get_open_handoff,
    lock_conversation,
    open_handoff,
)
from escalation.handoffs.jobs import Work, enqueue
from escalation.handoffs.staff_opened import start_conversation
from escalation.speech.i18n import Phrase, phrase
from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
from gateway.conversations.person_requests import Ask, ask_for_a_person
from gateway.conversations.relay import link_text, was_relayed, write_to_mentee
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import (
    Channel,
    Conversation,
    Handoff,
    Match,
    Message,
    Need,
    Person,
    Role,
    Speaker,
    Status,
    Urgency,
    keys,
)


@dataclass(frozen=True)
class WriteFirst(Work):
    """Write a mentor's words to their mentee when the quiet hours are over."""

    name: ClassVar[str] = "write_first"
    message_id: int
    words_from: int  # where the words begin in the mentor's text


class CannotStart(Exception):
    """`sentence` says why, to the mentor or manager."""

    def __init__(self, sentence: Phrase) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def list_own_mentees(session: Session, person: Person) -> list[Person]:
    """Whom a mentor may write to first: matched, active, and without an open concern about them."""
    matched = session.scalars(
        select(Person)
        .join(Match, Match.mentee_id == Person.id)
        .where(Match.mentor_id == person.id, Person.left_at.is_(None))
        .order_by(Match.id)
    )
    with_concern = set(session.scalars(mentees_with_concern(person)))
    return [one for one in matched if one.id not in with_concern]


def list_openable_mentees(session: Session, person: Person) -> list[Person]:
    """Whom a mentor or manager may open a handoff for."""
    if person.role is not Role.MANAGER:
        return list_own_mentees(session, person)
    return list(session.scalars(_openable_by_manager(person)))


def find_openable_mentee(session: Session, person: Person, number: int) -> Person | None:
    """One of them, without reading all of a program."""
    if person.role is not Role.MANAGER:
        return next((one for one in list_own_mentees(session, person) if one.id == number), None)
    return session.scalar(_openable_by_manager(person).where(Person.id == number))


def _openable_by_manager(manager: Person) -> Select[Person]:
    return select(Person).where(
        Person.program_id == manager.program_id,
        Person.role == Role.MENTEE,
        Person.left_at.is_(None),
        Person.id.not_in(mentees_with_concern(manager)),
    )


def note_draft(tx: Transaction, mentor: Person, mentee: Person, words: str) -> Message:
    """Words of a page, as a text of the mentor in their own thread."""
    thread = get_thread(tx.session, tx.rules, mentor)
    draft = Message(
        conversation_id=thread.id,
        at=tx.now,
        outgoing=False,
        speaker=Speaker(mentor.role.value),
        speaker_id=mentor.id,
        speaker_name=mentor.name,
        words=words,
        channel=Channel.WEB,
        handled_at=tx.now,
        moved_at=tx.now,
        key_id=keys().create(),
    )
    tx.session.add(draft)
    tx.session.flush()
    link_text(tx, draft, get_thread(tx.session, tx.rules, mentee).id)
    return draft


def write_first(
    tx: Transaction, mentor: Person, mentee: Person, draft: Message, *, words_from: int = 0
) -> Handoff | datetime:
    """Write now, or when the mentee's quiet hours end. Returns the handoff, or when it goes out.

    `draft` is the mentor's text, whose words begin at `words_from`.

    Raises:
        CannotStart: the mentee cannot be texted, or somebody else has their conversation.
    """
    conversation = _lock(tx, mentee)
    handoff = get_open_handoff(tx.session, conversation)
    if reason := _why_not_write(conversation, handoff, mentor, mentee):
        raise CannotStart(reason)
    zone = ZoneInfo(mentee.timezone)
    goes_out = out_of_quiet_hours(tx.now, zone, tx.policy.schedule)
    if handoff is None and goes_out > tx.now:
        draft.next_try_at = goes_out
        tx.session.flush()
        enqueue(tx.session, WriteFirst(draft.id, words_from), at=goes_out)
        return goes_out
    if handoff is None:
        handoff = start_conversation(tx, conversation, mentor)
    elif handoff.status is Status.WAITING:
        claim(tx, handoff, mentor)
    write_to_mentee(tx, handoff, draft.words[words_from:], relayed_from=draft)
    return handoff


def write_first_later(line: Line, job: WriteFirst) -> None:
    """Write what waited for the morning, or tell the mentor why not."""
    with acting(line) as session:
        draft = session.get(Message, job.message_id)
        mentor = session.get(Person, draft.speaker_id) if draft and draft.speaker_id else None
        conversation = session.get(Conversation, draft.about_id) if draft else None
        if draft is None:
            return
        draft.next_try_at = None
        if mentor is None or conversation is None or mentor.left_at is not None:
            return
        tx, mentee = line.of(session, mentor.program_id).at(session), conversation.person
        lock_conversation(session, conversation.id)
        if mentee is None or was_relayed(session, draft):
            return
        if mentee.id not in {one.id for one in list_own_mentees(session, mentor)}:
            why = phrase("You are no longer their mentor.")
            tx.tell(mentor, "write_refused", who=mentee.name, why=why)
            return
        try:
            handoff = write_first(tx, mentor, mentee, draft, words_from=job.words_from)
        except CannotStart as refused:
            tx.tell(mentor, "write_refused", who=mentee.name, why=refused.sentence)
            return
        if isinstance(handoff, Handoff):
            tx.tell_about(handoff, mentor, "wrote_first", who=mentee.name)


def open_for_mentee(
    tx: Transaction, mentee: Person, urgency: Urgency, *, by: Person, reason: str
) -> Handoff:
    """Open a handoff because a mentor or manager asks for it, and page its ladder.

    The mentee reads it at once, but at night only in a crisis; otherwise when somebody claims it.

    Raises:
        CannotStart: the mentee's conversation is open already.
    """
    conversation = _lock(tx, mentee)
    if (handoff := get_open_handoff(tx.session, conversation)) is not None:
        raise CannotStart(_who_has(handoff, mentee))
    quiet = is_quiet(tx.now, ZoneInfo(mentee.timezone), tx.policy.schedule)
    if quiet and urgency is not Urgency.CRISIS:
        handoff, _ = open_handoff(
            tx, conversation, Need.STAFF, urgency, message=None, by=by, note=reason
        )
        return handoff
    ask = Ask(Need.STAFF, urgency, by=by, reason=reason)
    return ask_for_a_person(tx, conversation, ask, message=None)


def _lock(tx: Transaction, mentee: Person) -> Conversation:
    return lock_conversation(tx.session, get_thread(tx.session, tx.rules, mentee).id)


def _why_not_write(
    conversation: Conversation, handoff: Handoff | None, mentor: Person, mentee: Person
) -> Phrase | None:
    if conversation.channel is not Channel.WEB and mentee.opted_out_at is not None:
        return phrase("They texted STOP, so we may not text them. Reach them another way.")
    if conversation.channel is not Channel.WEB and not mentee.can_be_texted:
        return phrase("We can't text their number. Reach them another way.")
    if handoff is not None and handoff.mentor_id not in (None, mentor.id):
        return _who_has(handoff, mentee)
    return None


def _who_has(handoff: Handoff, mentee: Person) -> Phrase:
    if handoff.mentor is None:
        return phrase("{name} is waiting for a person already.", name=mentee.name)
    return phrase(
        "{holder} has {name}'s conversation.", holder=handoff.mentor.name, name=mentee.name
    )
