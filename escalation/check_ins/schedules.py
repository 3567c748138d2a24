"""When a scheduled check-in is asked, reminded of, and missed. Pure: times in, times out.

A schedule has a local time on some days of the week. Nothing automated goes out in the quiet hours;
a check-in that falls into them waits until they end.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from escalation.policy import SchedulePolicy

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
# A week, and a day on either side for quiet hours and time zones.
LOOK_AHEAD = 9


class BadDays(ValueError):
    def __init__(self, written: str) -> None:
        super().__init__(
            f"The days {written!r} cannot be read; write some of {','.join(DAYS)}, like mon,thu."
        )


@dataclass(frozen=True)
class Occurrence:
    """One day's check-in: its local date, and in UTC its planned time and when it may go out."""

    local_date: date
    planned_at: datetime
    due_at: datetime


def read_days(written: str) -> frozenset[int]:
    """The days of the week, 0 for Monday, of "mon,thu". Raises BadDays."""
    names = [name.strip().casefold()[:3] for name in written.replace(" ", ",").split(",")]
    names = [name for name in names if name]
    if not names or not set(names) <= set(DAYS):
        raise BadDays(written)
    return frozenset(DAYS.index(name) for name in names)


def days_in_words(days: Iterable[int]) -> str:
    """As in the database, Monday first: mon,thu."""
    return ",".join(DAYS[day] for day in sorted(days))


def next_occurrence(
    days: Collection[int], at: time, zone: ZoneInfo, *, after: datetime, policy: SchedulePolicy
) -> Occurrence:
    """The first occurrence that is due after `after`. `days` are days of the week, 0 for Monday."""
    # One that is due now may have been planned for yesterday evening.
    first = after.astimezone(zone).date() - DAY
    for day in (first + count * DAY for count in range(LOOK_AHEAD + 1)):
        if day.weekday() in days:
            planned_at = on_the_wall(day, at, zone)
            due_at = out_of_quiet_hours(planned_at, zone, policy)
            if due_at > after:
                return Occurrence(day, planned_at, due_at)
    raise BadDays(days_in_words(days))  # without a day there is no occurrence


def on_the_wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks in `zone` show `at` on `day`, to the minute.

    A time that clocks skip moves to the next one they show; of a time that they show twice, we
    take the first.
    """
    wall = datetime.combine(day, at.replace(second=0, microsecond=0, fold=0))
    while not _is_shown(wall, zone):
        wall += timedelta(minutes=1)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def out_of_quiet_hours(moment: datetime, zone: ZoneInfo, policy: SchedulePolicy) -> datetime:
    """`moment`, or the end of the quiet hours that it falls into, in UTC."""
    if not is_quiet(moment, zone, policy):
        return moment.astimezone(UTC)
    local = moment.astimezone(zone)
    day = local.date() if local.time() < policy.quiet_until else local.date() + DAY
    return on_the_wall(day, policy.quiet_until, zone)


def is_quiet(moment: datetime, zone: ZoneInfo, policy: SchedulePolicy) -> bool:
    """From `quiet_from`, up to but not at `quiet_until`, local; equal times mean never."""
    local = moment.astimezone(zone).time()
    if policy.quiet_from <= policy.quiet_until:
        return policy.quiet_from <= local < policy.quiet_until
    return local >= policy.quiet_from or local < policy.quiet_until


def reminder_due_at(sent_at: datetime, zone: ZoneInfo, policy: SchedulePolicy) -> datetime | None:
    """When the one reminder is due; None when the check-in counts as missed before that."""
    remind_at = sent_at + timedelta(minutes=policy.remind_after_minutes)
    due_at = out_of_quiet_hours(remind_at, zone, policy)
    return due_at if due_at < missed_at(sent_at, policy) else None


def missed_at(sent_at: datetime, policy: SchedulePolicy) -> datetime:
    """When a check-in without an answer counts as missed. We send nothing about it."""
    return sent_at + timedelta(minutes=policy.missed_after_minutes)


def _is_shown(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in `zone` show this local time at all."""
    there = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None) == wall
