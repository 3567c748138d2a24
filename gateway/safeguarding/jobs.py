"""Safeguarding records whose time has passed without an outcome: somebody is told, twice at most.

What was told stands in the record and is written with the text, so that a crash, a second process
or a round too many tells nobody twice.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.messaging.outbox import acting
from gateway.runtime.audit import note_about
from gateway.runtime.line import Line
from gateway.safeguarding.records import list_notified_managers, tell
from models import Person, SafeguardingRecord
from models.conditional import changes_one

log = structlog.get_logger()

OVERDUE = (
    SafeguardingRecord.closed_at.is_(None),
    SafeguardingRecord.overdue_alerted_again_at.is_(None),
)


def notify_overdue_records(line: Line, *, now: datetime) -> None:
    """One round: text the owner of each overdue record, or the managers where nobody owns it.

    Once when it becomes overdue, and once more after the program's `told_again_after_hours`.
    """
    with line.database.reading() as session:
        overdue = session.execute(
            select(SafeguardingRecord.id, SafeguardingRecord.program_id).where(
                *OVERDUE, SafeguardingRecord.due_at <= now
            )
        ).all()
    for record_id, program_id in overdue:
        try:
            with acting(line) as session:
                _tell(session, line.of(session, program_id), record_id, now=now)
        except Exception:
            log.exception("left to the next round", safeguarding=record_id)


def _tell(session: Session, line: Line, record_id: int, *, now: datetime) -> None:
    record = session.get_one(SafeguardingRecord, record_id)
    people = whom_to_tell(session, record)
    if not people or not _is_ours_to_tell(session, line, record, now=now):
        return
    tell(session, line, record, people, "concern_overdue", now=now)
    told = [person.id for person in people]
    note_about(session, record, "safeguarding.overdue", by=None, now=now, told=told)


def whom_to_tell(session: Session, record: SafeguardingRecord) -> list[Person]:
    """Its owner. Where nobody owns it, or a text does not reach them: the managers, but never
    the one it is about."""
    managers = list_notified_managers(session, record)
    return [one for one in managers if one.id == record.owner_id] or managers


def _is_ours_to_tell(
    session: Session, line: Line, record: SafeguardingRecord, *, now: datetime
) -> bool:
    """Mark it as told, if it is due to be and nobody else has done so or closed it meanwhile."""
    again_after = timedelta(hours=line.rules.policy.safeguarding.told_again_after_hours)
    first = update(SafeguardingRecord).where(
        SafeguardingRecord.overdue_alerted_at.is_(None), SafeguardingRecord.due_at <= now
    )
    again = update(SafeguardingRecord).where(
        SafeguardingRecord.overdue_alerted_at <= now - again_after
    )
    this_one = (SafeguardingRecord.id == record.id, *OVERDUE)
    return changes_one(
        session, first.where(*this_one).values(overdue_alerted_at=now)
    ) or changes_one(session, again.where(*this_one).values(overdue_alerted_again_at=now))
