"""What a long history leaves beside messages and handoffs: the audit log and check-in schedules."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from gateway.runtime import audit
from gateway.runtime.database import Database
from models import AuditEntry, Program, Schedule, ScheduledCheckIn
from tests.history.inserting import Inserts
from tests.history.people import Who

WEEKS = 12


def add_reads(
    rows: Inserts,
    database: Database,
    program: Program,
    staff: Sequence[Who],
    count: int,
    *,
    now: datetime,
) -> None:
    """One read of each handoff, in the chain of hashes."""
    with database.reading() as session:
        head = audit.get_head(session)
    before = head.hash if head else audit.BEGINNING
    for n in range(count):
        entry = AuditEntry(
            id=(head.number if head else 0) + n + 1,
            at=now - timedelta(minutes=5) * (count - n),
            program_id=program.id,
            by_id=staff[n % len(staff)].id,
            action="read",
            about=f"handoff:{n + 1}",
            detail={},
            previous=before,
        )
        entry.hash = before = audit._hash(entry)
        columns = AuditEntry.__table__.columns.keys()
        rows.add(AuditEntry, **{name: getattr(entry, name) for name in columns})


def add_schedules(rows: Inserts, mentees: Sequence[Who], *, now: datetime) -> None:
    """Each fourth mentee has a weekly check-in, asked on the weeks before and answered mostly."""
    for n, mentee in enumerate(mentees[::4]):
        began = now - timedelta(weeks=WEEKS)
        number = rows.add(
            Schedule,
            person_id=mentee.id,
            check_in="mood",
            days="sun",
            at=time(17),
            created_at=began,
            changed_at=began,
        )
        sunday = began - timedelta(days=began.isoweekday() % 7)
        for week in range(WEEKS):
            due = sunday + timedelta(weeks=week)
            missed = (n + week) % 10 == 0
            rows.add(
                ScheduledCheckIn,
                schedule_id=number,
                local_date=due.date(),
                due_at=due,
                sent_at=due,
                answered_at=None if missed else due + timedelta(hours=1),
                missed_at=due + timedelta(days=1) if missed else None,
            )
