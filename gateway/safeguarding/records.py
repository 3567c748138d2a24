"""Safeguarding records: what a mentee, mentor, or manager reports goes to the managers alone.

While a record about a mentor is open, that mentor is not called for this mentee and does not hold
their handoff.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import managers_to_text
from escalation.handoffs.handoffs import get_open_handoff, release
from escalation.handoffs.jobs import Work, enqueue
from escalation.transaction import Transaction
from gateway.runtime.audit import note_about
from gateway.runtime.user_input import kept_words
from models import (
    Concern,
    Conversation,
    Handoff,
    Match,
    Person,
    Role,
    SafeguardingRecord,
    Status,
)

NO_WORDS = "(no words were given)"


@dataclass(frozen=True)
class NotifyOverdue(Work):
    """Text about a record that is overdue without an outcome."""

    name: ClassVar[str] = "notify_overdue"
    queue: ClassVar[str] = "scheduled"
    record_id: int


@dataclass(frozen=True)
class Report:
    """What someone reports: about `mentor`, if it is about one, and during `handoff`, if any."""

    mentee: Person
    concern: Concern
    words: str
    opened_by: Person
    mentor: Person | None = None
    handoff: Handoff | None = None


def open_record(tx: Transaction, report: Report) -> SafeguardingRecord:
    """Open a record, due by the program's policy, and note it in the audit log."""
    record = SafeguardingRecord(
        program_id=report.mentee.program_id,
        mentee_id=report.mentee.id,
        mentor_id=report.mentor.id if report.mentor else None,
        handoff_id=report.handoff.id if report.handoff else None,
        concern=report.concern,
        words=kept_words(report.words).strip() or NO_WORDS,
        opened_at=tx.now,
        opened_by_id=report.opened_by.id,
        due_at=tx.now + timedelta(hours=tx.policy.safeguarding.due_hours),
    )
    tx.session.add(record)
    tx.session.flush()
    enqueue(tx.session, NotifyOverdue(record.id), at=record.due_at)
    by, concern = report.opened_by, report.concern.value
    note_about(tx.session, record, "safeguarding.opened", by=by, now=tx.now, concern=concern)
    return record


def raise_concern(
    tx: Transaction, conversation: Conversation, words: str, *, mentor: Person | None
) -> SafeguardingRecord:
    """Record a mentee's concern about `mentor`, or about nobody in particular; tell the managers.

    More words about an open concern are added to it; the same words only once. The caller has
    locked the conversation.
    """
    mentee = conversation.person
    assert mentee is not None  # only a mentee has mentors
    words = kept_words(words).strip()
    for record in list_open_records(tx.session, mentee)[::-1]:
        about = mentor.id if mentor else None
        if record.concern is Concern.MENTOR and record.mentor_id == about:
            if words and words not in record.words.split("\n\n"):
                before = "" if record.words == NO_WORDS else f"{record.words}\n\n"
                record.words = before + words
            return record
    handoff = get_open_handoff(tx.session, conversation)
    report = Report(mentee, Concern.MENTOR, words, mentee, mentor, handoff)
    record = open_record(tx, report)
    tell(tx, record, list_notified_managers(tx.session, record), "concern_alert")
    if handoff is not None:
        _take_from(tx, handoff, mentor)
    return record


def report_by_staff(tx: Transaction, report: Report, conversation: Conversation | None) -> bool:
    """Record what a mentor or manager reports about a mentee. False if no manager knows of it.

    `conversation` is the mentee's, which the caller has locked; None if they have none yet.
    """
    record = open_record(tx, report)
    managers = list_notified_managers(tx.session, record)
    told = [one for one in managers if one.id != report.opened_by.id]
    tell(tx, record, told, "record_alert")
    handoff = get_open_handoff(tx.session, conversation) if conversation else None
    if handoff is not None:
        _take_from(tx, handoff, report.mentor)
    return bool(told) or report.opened_by.role is Role.MANAGER


def _take_from(tx: Transaction, handoff: Handoff, mentor: Person | None) -> None:
    """Ask others to take over a handoff that the mentor of an open record holds."""
    if mentor is not None and handoff.mentor_id == mentor.id:
        release(tx, handoff, by=None, told="taken_back")
        tx.tell_about(handoff, mentor, "released_mentor")


def tell(tx: Transaction, record: SafeguardingRecord, people: Iterable[Person], key: str) -> None:
    """Text people the line `key`: when the record is due and a link, but no words of it."""
    for person in people:
        due = record.due_at.astimezone(ZoneInfo(person.timezone))
        # The list, because the number of a record would tell how many there were.
        tx.tell(person, key, time=f"{due:%A %H:%M}", link=f"{tx.rules.site}/safeguarding")


def list_notified_managers(session: Session, record: SafeguardingRecord) -> list[Person]:
    """The program's managers who can be texted, except the one it is about."""
    return managers_to_text(session, record.program_id, but=record.mentor_id)


def list_open_records(session: Session, mentee: Person) -> list[SafeguardingRecord]:
    records = select(SafeguardingRecord).where(
        SafeguardingRecord.mentee_id == mentee.id, SafeguardingRecord.closed_at.is_(None)
    )
    return list(session.scalars(records.order_by(SafeguardingRecord.id)))


def list_reportable_mentees(session: Session, person: Person) -> list[Person]:
    """Whom a manager or mentor may open a record about, by name.

    Managers: every mentee of the program. Mentors: those they are matched with, and those whose
    handoff they hold or held last.
    """
    mentees = select(Person).where(
        Person.program_id == person.program_id, Person.role == Role.MENTEE, Person.left_at.is_(None)
    )
    if person.role is not Role.MANAGER:
        matched = select(Match.mentee_id).where(Match.mentor_id == person.id)
        held = select(Conversation.person_id).join(Handoff).where(Handoff.mentor_id == person.id)
        mentees = mentees.where(or_(Person.id.in_(matched), Person.id.in_(held)))
    return sorted(session.scalars(mentees), key=lambda one: (one.name.casefold(), one.id))


def mentors_known_to(session: Session, conversation: Conversation) -> list[Person]:
    """Whom a mentee may mean: mentors who hold or held their handoffs, the latest first, and
    mentors who are matched with them.
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
