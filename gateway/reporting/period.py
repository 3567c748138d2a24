"""What a report covers, and counting in it. A percentile is the nearest rank: a real wait."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer, computed_field
from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func
from sqlalchemy.orm import Session

from escalation.policy import Policy
from gateway.runtime.line import Line
from gateway.runtime.sql_time import Time, local_week
from models import Message, Program, Urgency

# How the API writes fields of the reports in JSON.
UrgencyName = Literal["routine", "soon", "crisis"]
NamedUrgency = Annotated[
    Urgency, PlainSerializer(lambda one: one.name.lower(), return_type=UrgencyName)
]
Seconds = Annotated[
    timedelta | None,
    PlainSerializer(
        lambda time: None if time is None else time.total_seconds(), return_type=float | None
    ),
]
InUtc = Annotated[datetime, PlainSerializer(lambda at: at.astimezone(UTC), return_type=datetime)]


@dataclass(frozen=True)
class Period:
    """Half-open, from `since` up to but not at `until`, and read on the clock of a program."""

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

    @property
    def month_before(self) -> "Period":
        return get_month(self.since.date() - timedelta(days=1), self.timezone)


@dataclass(frozen=True)
class Scope:
    """What a report covers: `period`, except that human contact covers `month`."""

    session: Session
    program: Program
    policy: Policy
    now: datetime
    period: Period
    month: Period

    def days_ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


@dataclass(frozen=True)
class Share:
    """A part of a whole. `percent` is null if the whole is 0."""

    part: int
    of: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def percent(self) -> int | None:
        return round(100 * self.part / self.of) if self.of else None


def get_scope(line: Line, session: Session, program: Program, weeks: int = 4) -> Scope:
    """This week and the ones before it, from a Monday on, and this month."""
    now, zone = line.clock(), ZoneInfo(program.timezone)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday(), weeks=weeks - 1)
    period = Period(datetime.combine(monday, time(), zone), now, program.timezone)
    month = get_month(today, program.timezone)
    return Scope(session, program, line.rules.policy, now, period, month)


def get_month(day: date, timezone: str) -> Period:
    first, zone = day.replace(day=1), ZoneInfo(timezone)
    following = (first + timedelta(days=31)).replace(day=1)
    since, until = (datetime.combine(one, time(), zone) for one in (first, following))
    return Period(since, until, timezone)


def within(
    period: Period, at: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None]
) -> ColumnElement[bool]:
    return and_(at >= period.since, at < period.until)


def week_column(scope: Scope, at: Time) -> ColumnElement[date]:
    """The Monday of the local week of `at`, as the column `week`."""
    period = scope.period
    return local_week(
        scope.session, at, period.timezone, since=period.since, until=period.until
    ).label("week")


def written_in(period: Period) -> ColumnElement[bool]:
    # No message moves before it is written. For a short period in a single-program database the
    # index on `moved_at` is the fastest; otherwise the one on conversation and time.
    return and_(Message.moved_at >= period.since, within(period, Message.at))


def count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
