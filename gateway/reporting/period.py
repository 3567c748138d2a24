"""The time a report covers, and counting in it. A percentile is the nearest rank: a real wait."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func
from sqlalchemy.orm import Session

from gateway.runtime.sql_time import Time, local_week
from models import Message, Program


class Bounds(Protocol):
    """Half-open: from `since` up to but not at `until`."""

    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...


@dataclass(frozen=True)
class Period:
    """Half-open, and read on the clock of a program."""

    since: datetime
    until: datetime
    timezone: str

    @property
    def mondays(self) -> list[date]:
        """The Mondays of all weeks that the period touches, in the program's time zone."""
        zone = ZoneInfo(self.timezone)
        first = self.since.astimezone(zone).date()
        last = (self.until - timedelta(microseconds=1)).astimezone(zone).date()
        monday = first - timedelta(days=first.weekday())
        return [monday + timedelta(weeks=n) for n in range((last - monday).days // 7 + 1)]


@dataclass(frozen=True)
class Share:
    part: int
    of: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.part / self.of) if self.of else None


def latest_weeks(program: Program, weeks: int, *, now: datetime) -> Period:
    """This week and the ones before it, from a Monday on."""
    zone = ZoneInfo(program.timezone)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday(), weeks=weeks - 1)
    return Period(datetime.combine(monday, time(), zone), now, program.timezone)


def within(
    bounds: Bounds, at: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None]
) -> ColumnElement[bool]:
    return and_(at >= bounds.since, at < bounds.until)


def week_of(session: Session, period: Period, at: Time) -> ColumnElement[date]:
    """The Monday of the local week of `at`, as the column `week`."""
    return local_week(session, at, period.timezone, since=period.since, until=period.until).label(
        "week"
    )


def written_in(bounds: Bounds) -> ColumnElement[bool]:
    # No message moves before it is written. For a short period in a single-program database the
    # index on `moved_at` is the fastest; otherwise the one on conversation and time.
    return and_(Message.moved_at >= bounds.since, within(bounds, Message.at))


def count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
