"""What was agreed on with each mentee: which check-ins, when, and when each is due next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import (
    Occurrence,
    days_in_words,
    missed_at,
    next_occurrence,
    out_of_quiet_hours,
    read_days,
    reminder_due_at,
)
from escalation.handoffs.jobs import Work, enqueue
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


@dataclass(frozen=True)
class BeginCheckIn(Work):
    """Write down the next occurrence of a schedule when it is due."""

    name: ClassVar[str] = "begin_check_in"
    queue: ClassVar[str] = "check_ins"
    schedule_id: int


@dataclass(frozen=True)
class AskCheckIn(Work):
    """Ask a check-in that was written down."""

    name: ClassVar[str] = "ask_check_in"
    queue: ClassVar[str] = "check_ins"
    scheduled_id: int


@dataclass(frozen=True)
class CloseCheckIn(Work):
    """Remind of a check-in without an answer, or note it as missed."""

    name: ClassVar[str] = "close_check_in"
    queue: ClassVar[str] = "check_ins"
    scheduled_id: int


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
    # It finds out by itself when it is due.
    enqueue(session, BeginCheckIn(schedule.id), at=now)
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


def closing_at(
    scheduled: ScheduledCheckIn, zone: ZoneInfo, policy: SchedulePolicy, *, now: datetime
) -> datetime:
    """When an unanswered check-in is due for its reminder, or else counts as missed."""
    assert scheduled.sent_at is not None
    ends_at = missed_at(scheduled.sent_at, policy)
    remind_at = reminder_due_at(scheduled.sent_at, zone, policy)
    if scheduled.reminded_at is not None or remind_at is None:
        return ends_at
    return min(out_of_quiet_hours(max(remind_at, now), zone, policy), ends_at)
