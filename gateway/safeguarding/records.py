"""A mentee's concern, above all about a mentor: straight to the managers, never to that mentor.

While it is open that mentor is not called for this mentee, and does not hold their handoff.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import managers_to_text
from escalation.handoffs.handoffs import get_open_handoff, release
from escalation.handoffs.jobs import Work, enqueue
from escalation.policy import load_policy
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, say
from escalation.transaction import Transaction
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.runtime.policy_versions import policy_in_use
from gateway.runtime.user_input import kept_words
from models import (
    Concern,
    Conversation,
    Handoff,
    Match,
    Person,
    SafeguardingRecord,
    Status,
)

NO_WORDS = "(no words were given)"


@dataclass(frozen=True)
class NotifyOverdue(Work):
    """Text about a record that was due and has no outcome."""

    name: ClassVar[str] = "notify_overdue"
    queue: ClassVar[str] = "scheduled"
    record_id: int


def open_record(
    session: Session,
    *,
    program_id: int,
    mentee: Person,
    concern: Concern,
    words: str,
    opened_by: Person,
    now: datetime,
    mentor: Person | None = None,
    handoff: Handoff | None = None,
) -> SafeguardingRecord:
    """Open a safeguarding record, due by the program's policy, and note it in the audit."""
    policy = policy_in_use(session, program_id, load_policy()).safeguarding
    record = SafeguardingRecord(
        program_id=program_id,
        mentee_id=mentee.id,
        mentor_id=mentor.id if mentor else None,
        handoff_id=handoff.id if handoff else None,
        concern=concern,
        words=kept_words(words).strip() or NO_WORDS,
        opened_at=now,
        opened_by_id=opened_by.id,
        due_at=now + timedelta(hours=policy.due_hours),
    )
    session.add(record)
    session.flush()
    enqueue(session, NotifyOverdue(record.id), at=record.due_at)
    note_about(session, record, "safeguarding.opened", by=opened_by, now=now, concern=concern.value)
    return record


def raise_concern(
    session: Session,
    line: Line,
    conversation: Conversation,
    words: str,
    *,
    mentor: Person | None,
    now: datetime,
) -> SafeguardingRecord:
    """A mentee's concern about `mentor`, or about nobody in particular: record it, tell managers.

    What is added to one that is open already is put with it. The same words sent twice count once.
    The caller holds the conversation.
    """
    mentee = conversation.person
    assert mentee is not None  # only a mentee has mentors
    words = kept_words(words).strip()
    record = _open_about(session, mentee, mentor)
    if record is not None:
        if words and words not in record.words.split("\n\n"):
            before = "" if record.words == NO_WORDS else f"{record.words}\n\n"
            record.words = before + words
        return record
    handoff = get_open_handoff(session, conversation)
    record = open_record(
        session,
        program_id=conversation.program_id,
        mentee=mentee,
        concern=Concern.MENTOR,
        words=words,
        opened_by=mentee,
        now=now,
        mentor=mentor,
        handoff=handoff,
    )
    tell(session, line, record, list_notified_managers(session, record), "concern_alert", now=now)
    if handoff is not None and mentor is not None and handoff.mentor_id == mentor.id:
        _take_from(session, line, handoff, mentor, now=now)
    return record


def link_to(rules: Rules, record: SafeguardingRecord) -> str:
    return f"{rules.site}/safeguarding/{record.id}"


def tell(
    session: Session,
    line: Line,
    record: SafeguardingRecord,
    people: Iterable[Person],
    key: str,
    *,
    now: datetime,
) -> None:
    """Text people the line `key` about a record: when it is due and where it is read, no words."""
    for person in people:
        due = record.due_at.astimezone(ZoneInfo(person.timezone))
        thread, link = get_thread(session, line.rules, person), link_to(line.rules, record)
        say(session, line.rules, thread, key, now=now, time=f"{due:%A %H:%M}", link=link)


def list_notified_managers(session: Session, record: SafeguardingRecord) -> list[Person]:
    """The program's managers who can be texted; never the one it is about."""
    return managers_to_text(session, record.program_id, but=record.mentor_id)


def _take_from(
    session: Session, line: Line, handoff: Handoff, mentor: Person, *, now: datetime
) -> None:
    """Whoever holds the mentee's handoff and is flagged holds it no longer; others are asked."""
    tx = Transaction(session, line.rules, now)
    release(tx, handoff, by=None, told="taken_back")
    tx.tell(mentor, "released_mentor", code=handoff.id)


def _open_about(
    session: Session, mentee: Person, mentor: Person | None
) -> SafeguardingRecord | None:
    return session.scalar(
        select(SafeguardingRecord)
        .where(
            SafeguardingRecord.mentee_id == mentee.id,
            SafeguardingRecord.concern == Concern.MENTOR,
            SafeguardingRecord.mentor_id == mentor.id
            if mentor
            else SafeguardingRecord.mentor_id.is_(None),
            SafeguardingRecord.closed_at.is_(None),
        )
        .order_by(SafeguardingRecord.id.desc())
        .limit(1)
    )


def list_open_records(session: Session, mentee: Person) -> list[SafeguardingRecord]:
    """What is open about this mentee, whoever opened it."""
    return list(
        session.scalars(
            select(SafeguardingRecord)
            .where(
                SafeguardingRecord.mentee_id == mentee.id, SafeguardingRecord.closed_at.is_(None)
            )
            .order_by(SafeguardingRecord.id)
        )
    )


def mentors_known_to(session: Session, conversation: Conversation) -> list[Person]:
    """Whom a mentee may mean: who holds or held a handoff of theirs, the latest first, and who
    is matched with them.
    """
    held = session.scalars(
        select(Handoff)
        .where(Handoff.conversation_id == conversation.id, Handoff.mentor_id.is_not(None))
        .order_by((Handoff.status == Status.CLAIMED).desc(), Handoff.id.desc())
    )
    known = [handoff.mentor for handoff in held if handoff.mentor is not None]
    if conversation.person is not None:
        known += mentors_matched_with(session, conversation.person)
    return list({person.id: person for person in known}.values())


def mentors_matched_with(session: Session, mentee: Person) -> list[Person]:
    return list(
        session.scalars(
            select(Person)
            .join(Match, Match.mentor_id == Person.id)
            .where(Match.mentee_id == mentee.id)
            .order_by(Match.id)
        )
    )
