"""Which scheduled check-ins mentees answered, and which they missed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from escalation.check_ins.scales import SCALES
from gateway.runtime.labels import CHECK_IN_NAMES
from models import Conversation, Person, Schedule, ScheduledCheckIn

# An answer may come this late.
LATEST = timedelta(days=7)


def note_answer(session: Session, conversation: Conversation, kind: str, *, now: datetime) -> None:
    """A check-in of the scheduled kind, or its long form, is an answer even after it was missed."""
    newer = aliased(ScheduledCheckIn)
    short = [scale.name for scale in SCALES.values() if scale.longer == kind]
    asked = (
        select(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .where(
            Schedule.person_id == conversation.person_id,
            Schedule.check_in.in_([kind, *short]),
            ScheduledCheckIn.answered_at.is_(None),
            ScheduledCheckIn.sent_at > now - LATEST,
            # Once the next one was asked, an answer belongs to that.
            ~exists().where(
                newer.schedule_id == ScheduledCheckIn.schedule_id,
                newer.sent_at > ScheduledCheckIn.sent_at,
            ),
        )
    )
    for scheduled in session.scalars(asked):
        scheduled.answered_at = now


@dataclass(frozen=True)
class Missed:
    mentee_id: int
    mentee: str
    check_in: str
    sent_at: datetime
    missed_at: datetime
    timezone: str


def missed_check_ins(session: Session, program_id: int, *, since: datetime) -> list[Missed]:
    """Check-ins that were missed after `since` and not answered later; the latest first."""
    missed = session.scalars(
        select(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .where(
            Person.program_id + 0 == program_id,
            ScheduledCheckIn.missed_at > since,
            ScheduledCheckIn.answered_at.is_(None),
        )
        .order_by(ScheduledCheckIn.missed_at.desc(), ScheduledCheckIn.id.desc())
    )
    return [
        Missed(
            mentee_id=scheduled.schedule.person_id,
            mentee=scheduled.schedule.person.name,
            check_in=CHECK_IN_NAMES.get(scheduled.schedule.check_in, scheduled.schedule.check_in),
            sent_at=scheduled.sent_at,
            missed_at=scheduled.missed_at,
            timezone=scheduled.schedule.person.program.timezone,
        )
        for scheduled in missed
        if scheduled.sent_at is not None and scheduled.missed_at is not None
    ]
