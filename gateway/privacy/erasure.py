"""Erasing a person's data: a mentee's request, and carrying it out.

A mentee asks by text or on their page. We erase some days later (policy.toml, [personal_data])
unless they write again, and never while a crisis or a concern for their safety is open. Whether a
request is set follows from what Warmline last said about it, so that it always matches what the
mentee was told.

docs/guides/managers.md says what stays, and why: a row without a name, so that each handoff in
the log still belongs to a person; the moves of those handoffs; safeguarding records; the audit log.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.handoffs.jobs import Work, enqueue
from escalation.transaction import Transaction
from gateway.conversations.person_requests import local_date
from gateway.runtime.audit import note_about
from gateway.safeguarding.records import list_open_records
from models import (
    Alert,
    CheckIn,
    Consent,
    Conversation,
    Debrief,
    DecisionRecord,
    DutyOverride,
    DutyShift,
    Goal,
    Handoff,
    HandoffCode,
    HandoffEvent,
    KnownDevice,
    Match,
    Message,
    Note,
    OneTimeKey,
    Passkey,
    Person,
    Presence,
    Role,
    Schedule,
    ScheduledCheckIn,
    SkillUse,
    Transfer,
    Urgency,
    VerdictRecord,
    WebSession,
)

ERASED_NAME = "Deleted person"
ERASED_WORDS = "(deleted)"


@dataclass(frozen=True)
class Erase(Work):
    """Erase a mentee who asked for it."""

    name: ClassVar[str] = "erase"
    queue: ClassVar[str] = "scheduled"
    conversation_id: int


class CannotErase(Exception):
    """A person whom we cannot erase now. Its text says why, and what to do."""


# --- the mentee's request ---


def erasure_due_at(tx: Transaction, conversation: Conversation) -> datetime | None:
    """When the mentee's data is due to be erased; None without a request."""
    said = select(Message.at, Message.script).where(
        Message.conversation_id == conversation.id,
        Message.script.in_(["erase_set", "erase_undone"]),
    )
    last = tx.session.execute(said.order_by(Message.id.desc()).limit(1)).first()
    if last is None or last.script != "erase_set":
        return None
    at: datetime = last.at
    return at + timedelta(days=tx.policy.personal_data.erase_after_days)


def request_erasure(tx: Transaction, conversation: Conversation) -> None:
    """Set the request, and tell the mentee when it is due and what cancels it. Idempotent."""
    if erasure_due_at(tx, conversation) is None:
        due_at = tx.now + timedelta(days=tx.policy.personal_data.erase_after_days)
        _note_request(tx, conversation, "erasure.requested")
        enqueue(tx.session, Erase(conversation.id), at=due_at)
        tx.say_in(conversation, "erase_set", date=local_date(due_at, conversation))


def cancel_erasure(tx: Transaction, conversation: Conversation) -> None:
    """Does nothing without a request."""
    if erasure_due_at(tx, conversation) is not None:
        _note_request(tx, conversation, "erasure.canceled")
        tx.say_in(conversation, "erase_undone")


def _note_request(tx: Transaction, conversation: Conversation, action: str) -> None:
    person = conversation.person
    assert person is not None  # a number that nobody enrolled has no page and no keyword
    note_about(tx.session, person, action, by=person, now=tx.now)


# --- carrying it out ---


def why_not_erasable(session: Session, person: Person) -> str | None:
    """Why we cannot erase this person now, and what to do; None when we can."""
    if person.role is not Role.MENTEE:
        held = select(Handoff.id).where(Handoff.mentor_id == person.id, Handoff.closed_at.is_(None))
        if number := session.scalar(held.limit(1)):
            return f"{person.name} holds #{number}. Close it, or have it given back, first."
        return None
    thread = _find_thread(session, person)
    handoff = get_open_handoff(session, thread) if thread else None
    if handoff is not None and handoff.urgency is Urgency.CRISIS:
        return f"#{handoff.id} is a crisis and open. Nothing is deleted until a person closes it."
    if records := list_open_records(session, person):
        return (
            f"Safeguarding record {records[0].id} is open. Nothing is deleted until a manager "
            "closes it."
        )
    return None


def erase(session: Session, person: Person, *, by: Person | None, now: datetime) -> None:
    """Erase the words, the name, and the number of a person. It cannot be undone.

    `by` is who asked for it: the mentee, or None for a command of the program. The caller has
    locked the conversation, and the bot has forgotten it.

    Raises:
        CannotErase: something that must end first is open.
    """
    if reason := why_not_erasable(session, person):
        raise CannotErase(reason)
    conversation = _find_thread(session, person)
    handoff = get_open_handoff(session, conversation) if conversation else None
    if handoff is not None:
        raise CannotErase(f"#{handoff.id} is open. Close it first.")
    if person.role is Role.MENTEE:
        if conversation is not None:
            _erase_words_of_staff(session, conversation)
            _erase_thread(session, conversation)
        _erase_schedules_and_consents(session, person)
    elif conversation is not None:
        _erase_own_texts(session, person, conversation)
    for table in (WebSession, KnownDevice, OneTimeKey, Passkey, Presence, DutyShift, DutyOverride):
        session.execute(delete(table).where(table.person_id == person.id))
    session.execute(
        delete(Match).where(or_(Match.mentee_id == person.id, Match.mentor_id == person.id))
    )
    person.name = ERASED_NAME
    person.phone = person.phone_index = person.password_hash = person.unreachable_code = None
    person.timezone, person.language = person.program.timezone, "en"
    person.on_duty, person.shares_whole = False, False
    person.left_at = person.left_at or now
    session.flush()
    note_about(session, person, "person.erased", by=by, now=now)


def _erase_thread(session: Session, conversation: Conversation) -> None:
    """The mentee's messages and all that we derived from them."""
    messages = select(Message.id).where(Message.conversation_id == conversation.id)
    session.execute(
        update(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .values(opened_by_message_id=None)
    )
    session.execute(delete(DecisionRecord).where(DecisionRecord.message_id.in_(messages)))
    session.execute(delete(VerdictRecord).where(VerdictRecord.message_id.in_(messages)))
    for table in (CheckIn, SkillUse, Goal, Message):
        session.execute(delete(table).where(table.conversation_id == conversation.id))
    conversation.skill, conversation.forget_bot = None, True


def _erase_words_of_staff(session: Session, conversation: Conversation) -> None:
    """What mentors and managers wrote about the mentee, or to them, outside of the thread."""
    own = select(Handoff.id).where(Handoff.conversation_id == conversation.id)
    numbers = session.scalars(own).all()
    relayed = select(Message.relayed_from_id).where(
        Message.conversation_id == conversation.id, Message.relayed_from_id.is_not(None)
    )
    _blank(session, Message.words, Message.id.in_(relayed))
    _blank_in_their_texts(session, conversation, numbers)
    session.execute(delete(Note).where(Note.handoff_id.in_(numbers)))
    # The reason for closing it: the only field of a move that the database lets us clear.
    written = HandoffEvent.note.is_not(None)
    _blank(session, HandoffEvent.note, written & HandoffEvent.handoff_id.in_(numbers), to=None)
    _blank(session, Transfer.note, Transfer.handoff_id.in_(numbers), to=None)
    _blank(session, Debrief.words, Debrief.handoff_id.in_(numbers), to=None)
    _blank(session, VerdictRecord.note, VerdictRecord.conversation_id == conversation.id, to=None)


def _blank_in_their_texts(
    session: Session, conversation: Conversation, numbers: Sequence[int]
) -> None:
    """Texts about these handoffs in the threads of mentors and managers: reasons, notes, and the
    mentee's words, if policy.toml has relay.mentor_sms = "words".
    """
    if not numbers:
        return
    known_by = select(HandoffCode.code).where(HandoffCode.handoff_id.in_(numbers))
    codes = "|".join(r"[\s-]?".join(code) for code in session.scalars(known_by)) or "(?!)"
    about = re.compile(rf"\s*(?:[a-z]+[\s:.,-]*)?#?\s*(?:{codes})\b.*", re.IGNORECASE | re.DOTALL)
    staff_texts = (
        select(Message.id, Message.words)
        .join(Conversation)
        .join(Person)
        .where(
            Person.program_id == conversation.program_id,
            Person.role != Role.MENTEE,
            or_(Message.outgoing.is_(False), Message.script == "mentee_words"),
        )
    )
    found = [text_id for text_id, words in session.execute(staff_texts) if about.match(words)]
    _blank(session, Message.words, Message.id.in_(found))


def _blank(
    session: Session,
    column: InstrumentedAttribute[Any],
    where: ColumnElement[bool],
    *,
    to: str | None = ERASED_WORDS,
) -> None:
    blanked = update(column.class_).where(where).values({column.key: to})
    session.execute(blanked.execution_options(synchronize_session=False))


def _erase_schedules_and_consents(session: Session, person: Person) -> None:
    schedules = select(Schedule.id).where(Schedule.person_id == person.id)
    session.execute(delete(ScheduledCheckIn).where(ScheduledCheckIn.schedule_id.in_(schedules)))
    session.execute(delete(Schedule).where(Schedule.person_id == person.id))
    # The times of the mentee's and the guardian's consent stay as proof; the guardian's name goes.
    named = (Consent.person_id == person.id) & Consent.guardian_name.is_not(None)
    _blank(session, Consent.guardian_name, named)


def _erase_own_texts(session: Session, person: Person, conversation: Conversation) -> None:
    """A mentor's or manager's own texts and commands.

    What they wrote to a mentee belongs to that mentee, and keeps the first name of who spoke.
    """
    mine = select(Message.id).where(Message.conversation_id == conversation.id)
    alerts = select(Alert.message_id).where(Alert.person_id == person.id)
    session.execute(
        update(Message).where(Message.relayed_from_id.in_(mine)).values(relayed_from_id=None)
    )
    session.execute(
        delete(Message).where(Message.conversation_id == conversation.id, Message.id.not_in(alerts))
    )
    _blank(session, Debrief.words, Debrief.person_id == person.id, to=None)


def _find_thread(session: Session, person: Person) -> Conversation | None:
    return session.scalar(select(Conversation).where(Conversation.person_id == person.id))
