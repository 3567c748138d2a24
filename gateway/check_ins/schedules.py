"""The check-ins agreed on with each mentee: which, when, and when each is due next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
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

# The check-ins that can be scheduled, each with the word that begins it.
KEYWORDS = {
    "mood": "MOOD",
    "phq2": "PHQ",
    "gad2": "GAD",
    "who5": "WELLBEING",
    "ucla3": "CONTACT",
    "mentor_check": "MATCH",
}
# For each schedule, the latest date and due time that were stored, if any.
LAST_STORED = (func.max(ScheduledCheckIn.local_date), func.max(ScheduledCheckIn.due_at))


@dataclass(frozen=True)
class BeginCheckIn(Work):
    """Store the next occurrence of a schedule when it is due."""

    name: ClassVar[str] = "begin_check_in"
    queue: ClassVar[str] = "check_ins"
    schedule_id: int


@dataclass(frozen=True)
class AskCheckIn(Work):
    """Ask a stored check-in."""

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
    days: frozenset[int],
    at: time,
    *,
    now: datetime,
) -> Schedule:
    """Create or change the schedule of this check-in, and resume it if it was paused."""
    schedule = agreed_with(session, person, check_in)
    if schedule is None:
        schedule = Schedule(person=person, check_in=check_in, created_at=now)
        session.add(schedule)
    schedule.days, schedule.at = days_in_words(days), at
    schedule.changed_at, schedule.paused = now, False
    session.flush()
    # The job finds out when it is due.
    enqueue(session, BeginCheckIn(schedule.id), at=now)
    return schedule


def agreed_with(session: Session, person: Person, check_in: str) -> Schedule | None:
    return session.scalar(
        select(Schedule).where(Schedule.person_id == person.id, Schedule.check_in == check_in)
    )


def list_schedules(session: Session, person: Person | None = None) -> Sequence[Schedule]:
    """One person's schedules, or everybody's."""
    schedules = select(Schedule).order_by(Schedule.person_id, Schedule.id)
    if person is not None:
        schedules = schedules.where(Schedule.person_id == person.id)
    return session.scalars(schedules).all()


def next_due(
    session: Session, schedule: Schedule, *, now: datetime, policy: SchedulePolicy
) -> datetime:
    """When this schedule is due next, in its person's time zone, paused or not."""
    due = find_next(session, schedule, policy, after=now)
    return due.due_at.astimezone(ZoneInfo(schedule.person.timezone))


def find_next(
    session: Session, schedule: Schedule, policy: SchedulePolicy, *, after: datetime
) -> Occurrence:
    stored = select(*LAST_STORED).where(ScheduledCheckIn.schedule_id == schedule.id)
    last = session.execute(stored).one()
    return following(schedule, ZoneInfo(schedule.person.timezone), policy, *last, after=after)


def following(
    schedule: Schedule,
    zone: ZoneInfo,
    policy: SchedulePolicy,
    last_date: date | None,
    last_due_at: datetime | None,
    *,
    after: datetime,
) -> Occurrence:
    """The occurrence after the last one stored, and after `after`.

    At most one per date, even if the schedule changed that day, and none planned before the change.
    """
    days = read_days(schedule.days)
    after = max(after, last_due_at or after)
    while True:
        found = next_occurrence(days, schedule.at, zone, after=after, policy=policy)
        is_new = last_date is None or found.local_date > last_date
        if is_new and found.planned_at >= schedule.changed_at:
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
