"""What was agreed on with each mentee: which check-ins, when, and when each is due next."""

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import Occurrence, days_in_words, next_occurrence, read_days
from escalation.policy import SchedulePolicy
from models import Person, Schedule, ScheduledCheckIn

# The check-ins that can be agreed on, each with the word that begins it.
KEYWORDS = {
    "mood": "MOOD",
    "phq2": "PHQ",
    "gad2": "GAD",
    "who5": "WELLBEING",
    "ucla3": "CONTACT",
    "mentor_check": "MATCH",
}


def agree_on(
    session: Session,
    person: Person,
    check_in: str,
    *,
    days: frozenset[int],
    at: time,
    now: datetime,
) -> Schedule:
    """Set when `person` gets this check-in: the first time, or anew. It is not paused then."""
    schedule = agreed_with(session, person, check_in)
    if schedule is None:
        schedule = Schedule(person=person, check_in=check_in, created_at=now)
        session.add(schedule)
    schedule.days, schedule.at = days_in_words(days), at
    schedule.changed_at, schedule.paused = now, False
    session.flush()
    return schedule


def agreed_with(session: Session, person: Person, check_in: str) -> Schedule | None:
    return session.scalar(
        select(Schedule).where(Schedule.person_id == person.id, Schedule.check_in == check_in)
    )


def list_schedules(session: Session, person: Person | None = None) -> Sequence[Schedule]:
    """What is agreed on with one person, or with everybody."""
    schedules = select(Schedule).order_by(Schedule.person_id, Schedule.id)
    if person is not None:
        schedules = schedules.where(Schedule.person_id == person.id)
    return session.scalars(schedules).all()


def next_due(
    session: Session, schedule: Schedule, *, now: datetime, policy: SchedulePolicy
) -> datetime:
    """When this schedule is due next, in its person's time zone, paused or not."""
    _, last_date, last_due_at = session.execute(
        last_written().where(Schedule.id == schedule.id)
    ).one()
    zone = ZoneInfo(schedule.person.timezone)
    found = following(schedule, zone, last_date, last_due_at, after=now, policy=policy)
    return found.due_at.astimezone(zone)


def last_written() -> Select[int, date | None, datetime | None]:
    """For each schedule, the latest date and due time that were written down, if any was."""
    return (
        select(
            Schedule.id,
            func.max(ScheduledCheckIn.local_date),
            func.max(ScheduledCheckIn.due_at),
        )
        .outerjoin(ScheduledCheckIn, ScheduledCheckIn.schedule_id == Schedule.id)
        .group_by(Schedule.id)
    )


def following(
    schedule: Schedule,
    zone: ZoneInfo,
    last_date: date | None,
    last_due_at: datetime | None,
    *,
    after: datetime,
    policy: SchedulePolicy,
) -> Occurrence:
    """The occurrence that comes after the last one written down, and after `after`.

    One a date, even if the time was changed on it; and none that was wished for before that.
    """
    days = read_days(schedule.days)
    after = max(after, last_due_at or after)
    while True:
        found = next_occurrence(days, schedule.at, zone, after=after, policy=policy)
        is_new = last_date is None or found.local_date > last_date
        if is_new and found.wished_at >= schedule.changed_at:
            return found
        after = found.due_at
