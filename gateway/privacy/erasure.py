"""Erasing a person's data: a mentee's request, and carrying it out.

A mentee asks by text or on their page. We erase some days later (policy.toml, [personal_data])
unless they write again, and never while a crisis or a concern for their safety is open. Whether a
request is set follows from what Warmline last said about it, so that it always matches what the
mentee was told.

docs/guides/managers.md says what stays, and why: a row without a name, so that each handoff in
the log still belongs to a person; the moves of those handoffs; safeguarding records; the audit log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import Work, enqueue
from escalation.transaction import Transaction
from gateway.conversations.person_requests import local_date
from gateway.conversations.said import ERASURE
from gateway.privacy.erased_words import (
    erase_debriefs,
    erase_staff_words_about,
    erase_thread,
    erase_words,
    forget_texts,
)
from gateway.privacy.legal_hold import is_held
from gateway.runtime.audit import note, note_about
from gateway.runtime.database import Database
from gateway.safeguarding.records import list_open_records
from models import (
    Alert,
    Consent,
    Conversation,
    Debrief,
    DutyOverride,
    DutyShift,
    Handoff,
    HandoffCode,
    KnownDevice,
    LegalHold,
    Match,
    Message,
    OneTimeKey,
    Passkey,
    Person,
    Presence,
    Role,
    Schedule,
    ScheduledCheckIn,
    Urgency,
    WebSession,
    create_key,
    destroy_key,
    keys,
)

ERASED_NAME = "Deleted person"
# Tables with rows that only concern one person.
OF_ONE_PERSON = (
    *(WebSession, KnownDevice, OneTimeKey, Passkey, HandoffCode),
    *(Presence, DutyShift, DutyOverride),
)


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
        Message.script.in_(ERASURE),
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
    if is_held(session, person):
        return f"{person.name} is under a legal hold. Nothing is deleted until a manager ends it."
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
    locked the conversation. The bot forgets it soon: `forget_due_at` notes that it must.

    Raises:
        CannotErase: something that must end first is open.
    """
    if reason := why_not_erasable(session, person):
        raise CannotErase(reason)
    conversation = _find_thread(session, person)
    handoff = get_open_handoff(session, conversation) if conversation else None
    if handoff is not None:
        raise CannotErase(f"#{handoff.id} is open. Close it first.")
    former = {person.key_id} | ({conversation.key_id} if conversation else set())
    if person.role is Role.MENTEE:
        if conversation is not None:
            erase_staff_words_about(session, conversation, now=now)
            erase_thread(session, conversation, now=now)
        _erase_schedules_and_consents(session, person)
    elif conversation is not None:
        _erase_own_texts(session, person, conversation, now=now)
    _erase_details(session, person, now=now)
    person.key_id = create_key(session)
    if conversation is not None:
        conversation.key_id = person.key_id
    session.flush()
    for key in former:
        destroy_key(session, key, now=now)
    note_about(session, person, "person.erased", by=by, now=now)


def erase_stranger(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """Erase a number that nobody enrolled, and all it wrote. The caller has locked it.

    Raises:
        CannotErase: a handoff is open.
    """
    if handoff := get_open_handoff(session, conversation):
        raise CannotErase(f"#{handoff.id} is open. Close it first.")
    former = conversation.key_id
    erase_staff_words_about(session, conversation, now=now)
    erase_thread(session, conversation, now=now)
    # The row stays: the bot and the log know the thread by its number.
    conversation.key_id = create_key(session)
    conversation.stranger_phone, conversation.stranger_index = ERASED_NAME, conversation.key_id
    session.flush()
    destroy_key(session, former, now=now)
    note(
        session,
        program_id=conversation.program_id,
        by=None,
        action="number.erased",
        about=f"conversation:{conversation.id}",
        now=now,
    )


def erase_again(database: Database, *, now: datetime) -> tuple[int, dict[str, str]]:
    """Erase the people and numbers that an older copy of the database brought back: their keys are
    gone.

    Returns how many were erased, and why the others, such as person:12, cannot be erased yet.
    """
    with database.reading() as session:
        people = _without_key(session.execute(select(Person.id, Person.key_id)))
        strangers = select(Conversation.id, Conversation.key_id).where(
            Conversation.person_id.is_(None)
        )
        threads = _without_key(session.execute(strangers))
    left: dict[str, str] = {}
    for number in people:
        with database.writing() as session:
            if reason := _erase_person_again(session, number, now=now):
                left[f"person:{number}"] = reason
    for number in threads:
        with database.writing() as session:
            if reason := _erase_number_again(session, number, now=now):
                left[f"conversation:{number}"] = reason
    database.destroy_due_keys()
    return len(people) + len(threads) - len(left), left


def _without_key(rows: Iterable[Row[int, str]]) -> list[int]:
    return [number for number, key_id in rows if not keys().has(key_id)]


def _erase_person_again(session: Session, number: int, *, now: datetime) -> str | None:
    """Returns why they cannot be erased yet."""
    person = session.get_one(Person, number)
    conversation = _find_thread(session, person)
    if conversation is not None:
        lock_conversation(session, conversation.id)
    # Without a key, nobody could even close what has to end first.
    person.key_id, person.name = create_key(session), ERASED_NAME
    if conversation is not None:
        conversation.key_id = person.key_id
    session.flush()
    try:
        erase(session, person, by=None, now=now)
    except CannotErase as reason:
        return str(reason)
    return None


def _erase_number_again(session: Session, number: int, *, now: datetime) -> str | None:
    """Returns why it cannot be erased yet."""
    conversation = lock_conversation(session, number)
    conversation.key_id, conversation.stranger_phone = create_key(session), ERASED_NAME
    session.flush()
    try:
        erase_stranger(session, conversation, now=now)
    except CannotErase as reason:
        return str(reason)
    return None


def _erase_details(session: Session, person: Person, *, now: datetime) -> None:
    for table in OF_ONE_PERSON:
        session.execute(delete(table).where(table.person_id == person.id))
    session.execute(
        delete(Match).where(or_(Match.mentee_id == person.id, Match.mentor_id == person.id))
    )
    erase_words(session, LegalHold.reason, LegalHold.person_id == person.id)
    person.name = ERASED_NAME
    person.phone = person.phone_index = person.password_hash = person.unreachable_code = None
    person.email = person.alert_channels = None
    person.timezone, person.language = person.program.timezone, "en"
    person.on_duty, person.shares_whole = False, False
    person.shares_phone_with_id = None
    person.left_at, person.erased_at = person.left_at or now, now


def _erase_schedules_and_consents(session: Session, person: Person) -> None:
    schedules = select(Schedule.id).where(Schedule.person_id == person.id)
    session.execute(delete(ScheduledCheckIn).where(ScheduledCheckIn.schedule_id.in_(schedules)))
    session.execute(delete(Schedule).where(Schedule.person_id == person.id))
    # The times of the mentee's and the guardian's consent stay as proof; the guardian's name goes.
    named = (Consent.person_id == person.id) & Consent.guardian_name.is_not(None)
    erase_words(session, Consent.guardian_name, named)


def _erase_own_texts(
    session: Session, person: Person, conversation: Conversation, *, now: datetime
) -> None:
    """A mentor's or manager's own texts and commands.

    What they wrote to a mentee belongs to that mentee, and keeps the first name of who spoke.
    """
    forget_texts(session, Message.conversation_id == conversation.id, now=now)
    mine = select(Message.id).where(Message.conversation_id == conversation.id)
    alerts = select(Alert.message_id).where(Alert.person_id == person.id)
    session.execute(
        update(Message).where(Message.relayed_from_id.in_(mine)).values(relayed_from_id=None)
    )
    kept = (Message.conversation_id == conversation.id) & Message.id.in_(alerts)
    session.execute(
        delete(Message).where(Message.conversation_id == conversation.id, Message.id.not_in(alerts))
    )
    erase_words(session, Message.words, kept & Message.about_id.is_(None))
    erase_debriefs(session, Debrief.person_id == person.id, now=now)


def _find_thread(session: Session, person: Person) -> Conversation | None:
    return session.scalar(select(Conversation).where(Conversation.person_id == person.id))
