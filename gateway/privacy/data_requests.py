"""Everything that is kept about one person: written out for them, and erased at their wish.

A mentee asks for deletion by text or on their page. It is done some days later (policy.toml,
[personal_data]) unless they write again, and never while a crisis is open or a concern for their
safety is. That the wish stands is read from what the line said in the thread, so it cannot get
out of step with what the mentee was told.

What stays, and why, stands in docs/guides/managers.md: a row without a name, so that the handoffs
of the log still have somebody; the moves of those handoffs; safeguarding records; the audit.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, ClassVar

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session

from escalation.handoffs.handoffs import get_open_handoff
from escalation.handoffs.jobs import Work, enqueue
from escalation.speech.message_writer import say
from gateway.conversations.person_requests import local_date
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.safeguarding.records import list_open_records
from models import (
    Absence,
    Alert,
    AuditEntry,
    CheckIn,
    Consent,
    Conversation,
    Debrief,
    DecisionRecord,
    DutyOverride,
    DutyShift,
    FollowUp,
    Goal,
    Handoff,
    HandoffEvent,
    Match,
    Message,
    Note,
    OneTimeKey,
    Passkey,
    Person,
    Presence,
    Role,
    SafeguardingRecord,
    Schedule,
    ScheduledCheckIn,
    SkillUse,
    Transfer,
    Urgency,
    VerdictRecord,
    WebSession,
)

log = structlog.get_logger()

ERASED_NAME = "Deleted person"
ERASED_WORDS = "(deleted)"


@dataclass(frozen=True)
class Erase(Work):
    """Erase a mentee who asked for it."""

    name: ClassVar[str] = "erase"
    queue: ClassVar[str] = "scheduled"
    conversation_id: int


class CannotErase(Exception):
    """Somebody who cannot be erased now. Its text says why, and what to do."""


# --- the mentee's wish ---


def erasure_due_at(session: Session, line: Line, conversation: Conversation) -> datetime | None:
    """When the mentee's data is due to be erased; None when they do not wish it."""
    said = select(Message.at, Message.script).where(
        Message.conversation_id == conversation.id,
        Message.script.in_(["erase_set", "erase_undone"]),
    )
    last = session.execute(said.order_by(Message.id.desc()).limit(1)).first()
    if last is None or last.script != "erase_set":
        return None
    at: datetime = last.at
    return at + timedelta(days=line.rules.policy.personal_data.erase_after_days)


def wish_erasure(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> datetime:
    """Set the mentee's wish, and tell them when it is due and what undoes it. Twice is once."""
    due_at = erasure_due_at(session, line, conversation)
    if due_at is None:
        days = line.rules.policy.personal_data.erase_after_days
        due_at = now + timedelta(days=days)
        _note_wish(session, conversation, "erasure.wished", now=now)
        enqueue(session, Erase(conversation.id), at=due_at)
        say(
            session,
            line.rules,
            conversation,
            "erase_set",
            now=now,
            date=local_date(due_at, conversation),
        )
    return due_at


def take_back_wish(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> None:
    """Nothing will be erased. Without a wish this does nothing."""
    if erasure_due_at(session, line, conversation) is not None:
        _note_wish(session, conversation, "erasure.taken_back", now=now)
        say(session, line.rules, conversation, "erase_undone", now=now)


def _note_wish(session: Session, conversation: Conversation, action: str, *, now: datetime) -> None:
    person = conversation.person
    assert person is not None  # a number that nobody enrolled has no page and no keyword
    note_about(session, person, action, by=person, now=now)


# --- carrying it out ---


def what_stands_in_the_way(session: Session, person: Person) -> str | None:
    """Why this person cannot be erased now, in a sentence with what to do; None when they can."""
    if person.role is not Role.MENTEE:
        held = select(Handoff.id).where(Handoff.mentor_id == person.id, Handoff.closed_at.is_(None))
        if number := session.scalar(held.limit(1)):
            return f"{person.name} holds #{number}. Close it, or have it given back, first."
        return None
    conversation = _find_thread(session, person)
    handoff = get_open_handoff(session, conversation) if conversation else None
    if handoff is not None and handoff.urgency is Urgency.CRISIS:
        return f"#{handoff.id} is a crisis and open. Nothing is deleted until a person closes it."
    if records := list_open_records(session, person):
        return (
            f"Safeguarding record {records[0].id} is open. Nothing is deleted until a manager "
            "closes it."
        )
    return None


def erase(session: Session, person: Person, *, by: Person | None, now: datetime) -> None:
    """Erase the words, the name and the number of a person. It cannot be undone.

    `by` is who wanted it: the mentee themselves, or None for a command of the program's. The
    caller holds the conversation, and has had the bot forget it.

    Raises:
        CannotErase: something that must end first is open.
    """
    if reason := what_stands_in_the_way(session, person):
        raise CannotErase(reason)
    conversation = _find_thread(session, person)
    handoff = get_open_handoff(session, conversation) if conversation else None
    if handoff is not None:
        raise CannotErase(f"#{handoff.id} is open. Somebody closes it first.")
    if person.role is Role.MENTEE:
        if conversation is not None:
            _erase_what_staff_wrote(session, conversation)
            _erase_thread(session, conversation)
        _erase_agreements(session, person)
    elif conversation is not None:
        _erase_own_texts(session, person, conversation)
    for kept in (WebSession, OneTimeKey, Passkey, Presence, DutyShift, DutyOverride):
        session.execute(delete(kept).where(kept.person_id == person.id))
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
    """The mentee's thread and all that was read out of it."""
    messages = select(Message.id).where(Message.conversation_id == conversation.id)
    session.execute(
        update(Handoff)
        .where(Handoff.conversation_id == conversation.id)
        .values(opened_by_message_id=None)
    )
    session.execute(delete(DecisionRecord).where(DecisionRecord.message_id.in_(messages)))
    session.execute(delete(VerdictRecord).where(VerdictRecord.message_id.in_(messages)))
    for told in (CheckIn, SkillUse, Goal):
        session.execute(delete(told).where(told.conversation_id == conversation.id))
    session.execute(delete(Message).where(Message.conversation_id == conversation.id))
    conversation.skill, conversation.forget_bot = None, True


def _erase_what_staff_wrote(session: Session, conversation: Conversation) -> None:
    """What mentors and managers wrote of the mentee, or to them, outside of the thread."""
    numbers = list(
        session.scalars(select(Handoff.id).where(Handoff.conversation_id == conversation.id))
    )
    relayed = select(Message.relayed_from_id).where(
        Message.conversation_id == conversation.id, Message.relayed_from_id.is_not(None)
    )
    _blank(session, Message.words, Message.id.in_(relayed))
    _blank_in_their_texts(session, conversation, numbers)
    session.execute(delete(Note).where(Note.handoff_id.in_(numbers)))
    # The reason for closing it: the one thing of a move that the database lets go.
    written = HandoffEvent.note.is_not(None)
    _blank(session, HandoffEvent.note, written & HandoffEvent.handoff_id.in_(numbers), to=None)
    _blank(session, Transfer.note, Transfer.handoff_id.in_(numbers), to=None)
    _blank(session, Debrief.words, Debrief.handoff_id.in_(numbers), to=None)
    _blank(session, VerdictRecord.note, VerdictRecord.conversation_id == conversation.id, to=None)


def _blank_in_their_texts(
    session: Session, conversation: Conversation, numbers: Sequence[int]
) -> None:
    """Texts about these handoffs in the threads of mentors and managers: a reason, a note, and
    words of the mentee that were passed on where policy.toml has relay.mentor_sms = "words".
    """
    if not numbers:
        return
    codes = "|".join(str(number) for number in numbers)
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
    session.execute(
        update(column.class_)
        .where(where)
        .values({column.key: to})
        .execution_options(synchronize_session=False)
    )


def _erase_agreements(session: Session, person: Person) -> None:
    agreed = select(Schedule.id).where(Schedule.person_id == person.id)
    session.execute(delete(ScheduledCheckIn).where(ScheduledCheckIn.schedule_id.in_(agreed)))
    session.execute(delete(Schedule).where(Schedule.person_id == person.id))
    # That and when they agreed, and a guardian did, is kept as proof; who the guardian was is not.
    _blank(
        session,
        Consent.guardian_name,
        (Consent.person_id == person.id) & Consent.guardian_name.is_not(None),
    )


def _erase_own_texts(session: Session, person: Person, conversation: Conversation) -> None:
    """A mentor's or manager's own texts and commands. What they wrote to a mentee is that
    mentee's, and their first name stays on it: who spoke is written once.
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


# --- writing it out ---


def everything_about(session: Session, person: Person) -> dict[str, Any]:
    """All that is kept about a person, as plain values for JSON.

    What others wrote about them stands under `written_by_others`: whoever hands it out looks
    first whether a name in it must be taken out.
    """
    conversation = _find_thread(session, person)
    here = conversation.id if conversation else None
    handoffs = list(
        session.scalars(
            select(Handoff)
            .where(or_(Handoff.conversation_id == here, Handoff.mentor_id == person.id))
            .order_by(Handoff.id)
        )
    )
    own = [handoff.id for handoff in handoffs if handoff.conversation_id == here]
    numbers = [handoff.id for handoff in handoffs]

    def rows(model: type[DeclarativeBase], where: ColumnElement[bool]) -> list[dict[str, Any]]:
        found = session.scalars(select(model).where(where).order_by(model.__table__.c.id))
        return [_plain(row) for row in found]

    return {
        "person": _plain(person, without=("password_hash", "phone_index")),
        "program": person.program.name,
        "consents": rows(Consent, Consent.person_id == person.id),
        "matched_with": _matched_with(session, person),
        "messages": rows(Message, Message.conversation_id == here),
        "written_to_mentees": rows(
            Message,
            (Message.speaker_id == person.id)
            & Message.outgoing
            & (Message.conversation_id != here),
        ),
        "decisions": rows(
            DecisionRecord,
            DecisionRecord.message_id.in_(
                select(Message.id).where(Message.conversation_id == here)
            ),
        ),
        "check_ins": rows(CheckIn, CheckIn.conversation_id == here),
        "skills": rows(SkillUse, SkillUse.conversation_id == here),
        "goals": rows(Goal, Goal.conversation_id == here),
        "schedules": rows(Schedule, Schedule.person_id == person.id),
        "handoffs": [_plain(handoff) for handoff in handoffs],
        "handoff_events": rows(HandoffEvent, HandoffEvent.handoff_id.in_(numbers)),
        "follow_ups": rows(FollowUp, FollowUp.handoff_id.in_(own)),
        "absences": rows(Absence, Absence.person_id == person.id),
        "sign_ins": [
            _plain(row, without=("token_hash",))
            for row in session.scalars(select(WebSession).where(WebSession.person_id == person.id))
        ],
        "written_by_others": {
            "notes": rows(Note, Note.handoff_id.in_(own)),
            "verdicts": rows(VerdictRecord, VerdictRecord.conversation_id == here),
            "safeguarding": rows(
                SafeguardingRecord,
                or_(
                    SafeguardingRecord.mentee_id == person.id,
                    SafeguardingRecord.mentor_id == person.id,
                ),
            ),
        },
        "read_and_changed": rows(
            AuditEntry,
            or_(
                AuditEntry.about == f"person:{person.id}",
                AuditEntry.about.in_([f"handoff:{number}" for number in own]),
            ),
        ),
    }


def _matched_with(session: Session, person: Person) -> list[dict[str, Any]]:
    matches = session.scalars(
        select(Match).where(or_(Match.mentee_id == person.id, Match.mentor_id == person.id))
    )
    other = {True: "mentor_id", False: "mentee_id"}[person.role is Role.MENTEE]
    return [
        {
            "kind": match.kind.value,
            "name": session.get_one(Person, getattr(match, other)).name,
        }
        for match in matches
    ]


def _plain(row: DeclarativeBase, *, without: Iterable[str] = ()) -> dict[str, Any]:
    leave_out = set(without)
    return {
        column.key: _value(getattr(row, column.key))
        for column in row.__mapper__.column_attrs
        if column.key not in leave_out
    }


def _value(value: object) -> object:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Urgency():
            return value.name.lower()
        case Enum():
            return value.value
        case _:
            return value
