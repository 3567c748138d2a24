"""Safeguarding records that are overdue without an outcome: texts about them, two at most."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import Work, enqueue
from gateway.messaging.outbox import acting
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.safeguarding.records import NotifyOverdue, list_notified_managers, tell
from models import Person, SafeguardingRecord, changes_one

# Until there is a person to text.
TRY_AGAIN = timedelta(minutes=10)

OVERDUE = (
    SafeguardingRecord.closed_at.is_(None),
    SafeguardingRecord.overdue_alerted_again_at.is_(None),
)


def notify_overdue(line: Line, job: NotifyOverdue) -> None:
    """Text the owner of an overdue record, or the managers if it has no owner.

    Once when it becomes overdue, and once more after the program's `told_again_after_hours`. The
    row is marked in the transaction that writes the text, so that no text is written twice.
    """
    now = line.clock()
    with acting(line) as session:
        record = session.get_one(SafeguardingRecord, job.record_id)
        line = line.of(session, record.program_id)
        again_after = timedelta(hours=line.rules.policy.safeguarding.told_again_after_hours)
        people = whom_to_tell(session, record)
        if not people:
            if record.closed_at is None:
                enqueue(session, job, at=now + TRY_AGAIN)
            return
        if not _mark(session, record, again_after, now=now):
            return
        if record.overdue_alerted_again_at is None:
            enqueue(session, job, at=now + again_after)
        tell(session, line, record, people, "concern_overdue", now=now)
        told = [person.id for person in people]
        note_about(session, record, "safeguarding.overdue", by=None, now=now, told=told)


def whom_to_tell(session: Session, record: SafeguardingRecord) -> list[Person]:
    """Its owner. If it has none, or a text does not reach them: the managers, but never the one
    it is about."""
    managers = list_notified_managers(session, record)
    return [one for one in managers if one.id == record.owner_id] or managers


def _mark(
    session: Session, record: SafeguardingRecord, again_after: timedelta, *, now: datetime
) -> bool:
    """Note the text, if one is due and no other process has written it or closed the record."""
    this_one = (SafeguardingRecord.id == record.id, *OVERDUE)
    first = update(SafeguardingRecord).where(
        *this_one, SafeguardingRecord.overdue_alerted_at.is_(None), SafeguardingRecord.due_at <= now
    )
    again = update(SafeguardingRecord).where(
        *this_one, SafeguardingRecord.overdue_alerted_at <= now - again_after
    )
    marked = changes_one(session, first.values(overdue_alerted_at=now)) or changes_one(
        session, again.values(overdue_alerted_again_at=now)
    )
    session.refresh(record)
    return marked


def overdue_records(line: Line, session: Session, before: datetime) -> list[Work]:
    overdue = session.scalars(
        select(SafeguardingRecord).where(*OVERDUE, SafeguardingRecord.due_at <= before)
    )
    found: list[Work] = []
    for record in overdue:
        policy = line.of(session, record.program_id).rules.policy.safeguarding
        again_after = timedelta(hours=policy.told_again_after_hours)
        if record.overdue_alerted_at is None or record.overdue_alerted_at <= before - again_after:
            found.append(NotifyOverdue(record.id))
    return found
