"""Which scheduled check-ins mentees answered, and which they missed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from escalation.check_ins.scales import SCALES
from gateway.runtime.labels import CHECK_IN_NAMES
from models import Conversation, Person, Program, Schedule, ScheduledCheckIn

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


def missed_check_ins(
    session: Session, program_id: int, *, since: datetime, limit: int | None = None
) -> list[Missed]:
    """Check-ins that were missed after `since` and not answered later; the latest first."""
    missed = session.execute(
        select(
            Person.id,
            Person.name,
            Schedule.check_in,
            ScheduledCheckIn.sent_at,
            ScheduledCheckIn.missed_at,
            Program.timezone,
        )
        .select_from(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .join(Person, Person.id == Schedule.person_id)
        .join(Program, Program.id == Person.program_id)
        .where(
            Person.program_id + 0 == program_id,
            ScheduledCheckIn.missed_at > since,
            ScheduledCheckIn.answered_at.is_(None),
        )
        .order_by(ScheduledCheckIn.missed_at.desc(), ScheduledCheckIn.id.desc())
        .limit(limit)
    )
    return [
        Missed(
            mentee_id=mentee_id,
            mentee=mentee,
            check_in=CHECK_IN_NAMES.get(check_in, check_in),
            sent_at=sent_at,
            missed_at=missed_at,
            timezone=timezone,
        )
        for mentee_id, mentee, check_in, sent_at, missed_at, timezone in missed
        if sent_at is not None and missed_at is not None
    ]
