"""Scheduled check-ins that a mentee did not answer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.runtime.labels import CHECK_IN_NAMES
from models import Person, Schedule, ScheduledCheckIn


@dataclass(frozen=True)
class Missed:
    """A scheduled check-in that was asked, reminded of once at most, and not answered."""

    mentee_id: int
    mentee: str
    check_in: str
    sent_at: datetime
    missed_at: datetime
    timezone: str


def missed_check_ins(
    session: Session, program_id: int | None = None, *, since: datetime
) -> list[Missed]:
    """The scheduled check-ins that nobody answered since then, the latest first."""
    missed = (
        select(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .where(ScheduledCheckIn.missed_at > since, ScheduledCheckIn.answered_at.is_(None))
        .order_by(ScheduledCheckIn.missed_at.desc(), ScheduledCheckIn.id.desc())
    )
    if program_id is not None:
        missed = missed.where(Person.program_id == program_id)
    return [
        Missed(
            mentee_id=scheduled.schedule.person_id,
            mentee=scheduled.schedule.person.name,
            check_in=CHECK_IN_NAMES.get(scheduled.schedule.check_in, scheduled.schedule.check_in),
            sent_at=scheduled.sent_at,
            missed_at=scheduled.missed_at,
            timezone=scheduled.schedule.person.program.timezone,
        )
        for scheduled in session.scalars(missed)
        if scheduled.sent_at is not None and scheduled.missed_at is not None
    ]
