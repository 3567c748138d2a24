"""At most two texts about each safeguarding record that is overdue without an outcome."""

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

    Once when it becomes overdue, and once more after the policy's `told_again_after_hours`. The
    transaction that writes the texts also marks the row, so that no text is written twice.
    """
    with acting(line) as session:
        record = session.get_one(SafeguardingRecord, job.record_id)
        tx = line.of(session, record.program_id).at(session)
        again_after = timedelta(hours=tx.policy.safeguarding.told_again_after_hours)
        people = whom_to_tell(session, record)
        if not people:
            if record.closed_at is None:
                enqueue(session, job, at=tx.now + TRY_AGAIN)
            return
        if not _mark(session, record, again_after, now=tx.now):
            return
        if record.overdue_alerted_again_at is None:
            enqueue(session, job, at=tx.now + again_after)
        tell(tx, record, people, "concern_overdue")
        told = [person.id for person in people]
        note_about(session, record, "safeguarding.overdue", by=None, now=tx.now, told=told)


def whom_to_tell(session: Session, record: SafeguardingRecord) -> list[Person]:
    """The owner; the managers if there is no owner, or if texts do not reach the owner."""
    managers = list_notified_managers(session, record)
    return [one for one in managers if one.id == record.owner_id] or managers


def _mark(
    session: Session, record: SafeguardingRecord, again_after: timedelta, *, now: datetime
) -> bool:
    """Mark the record if a text is due. False if another process wrote it or closed the record."""
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
