"""Times in SQL, the same on SQLite and PostgreSQL: durations, local days and weeks, and the first
alert and claim of a handoff.

SQLite has no time zones, so the few clock changes in a period are computed here and become part of
the query.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Date, Float, Integer, String, case, cast, func, type_coerce
from sqlalchemy.orm import Session

from models import Alert, Handoff, HandoffEvent, Message, Move

Time = (
    sa.SQLColumnExpression[datetime]
    | sa.SQLColumnExpression[datetime | None]
    | sa.ScalarSelect[datetime | None]
)


def first_alert_at() -> sa.ScalarSelect[datetime | None]:
    return (
        sa.select(func.min(Message.sent_at))
        .join(Alert, Alert.message_id == Message.id)
        .where(Alert.handoff_id == Handoff.id)
        .correlate(Handoff)
        .scalar_subquery()
    )


def first_claim_at() -> sa.ScalarSelect[datetime]:
    return (
        sa.select(func.min(HandoffEvent.at))
        .where(HandoffEvent.handoff_id == Handoff.id, HandoffEvent.move == Move.CLAIM)
        .correlate(Handoff)
        .scalar_subquery()
    )


def seconds_between(session: Session, begins: Time, ends: Time) -> ColumnElement[float]:
    """Seconds between two times, rounded to milliseconds; null if either is null."""
    if session.get_bind().dialect.name == "sqlite":
        days = func.julianday(ends, type_=Float) - func.julianday(begins, type_=Float)
        # As a float, a Julian day is exact to some hundredths of a millisecond.
        return func.round(days * 86400, 3, type_=Float)
    return cast(func.extract("epoch", ends - begins), Float)


def local_day(
    session: Session, at: Time, zone: str, *, since: datetime, until: datetime
) -> ColumnElement[date]:
    """The date of `at` in `zone`, valid for times from `since` to `until`."""
    if session.get_bind().dialect.name != "sqlite":
        return cast(func.timezone(zone, at), Date)
    return type_coerce(func.date(at, _offset(at, zone, since, until), type_=String), Date)


def local_week(
    session: Session, at: Time, zone: str, *, since: datetime, until: datetime
) -> ColumnElement[date]:
    if session.get_bind().dialect.name != "sqlite":
        return cast(func.date_trunc("week", func.timezone(zone, at)), Date)
    offset = _offset(at, zone, since, until)
    # The next Monday, seen from six days earlier.
    return type_coerce(func.date(at, offset, "-6 days", "weekday 1", type_=String), Date)


def _offset(at: Time, zone: str, since: datetime, until: datetime) -> ColumnElement[str] | str:
    stretches = offsets(zone, since=since, until=until)
    last = f"{stretches[-1][1]} seconds"
    earlier = [
        (at < changes, f"{seconds} seconds") for (_, seconds), (changes, _) in pairwise(stretches)
    ]
    return case(*earlier, else_=last) if earlier else last


def offsets(zone: str, *, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """Each start of an offset to UTC, with the offset in seconds. The first starts at `since`."""
    there = ZoneInfo(zone)
    found = [(since, _offset_at(there, since))]
    day = since
    while day < until:
        following = min(day + timedelta(days=1), until)
        if _offset_at(there, following) != found[-1][1]:
            changes = _change_between(there, day, following)
            found.append((changes, _offset_at(there, changes)))
        day = following
    return found


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    new = _offset_at(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (before, middle) if _offset_at(zone, middle) == new else (middle, after)
    return after.replace(microsecond=0)


def _offset_at(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def nth_value(share_in_tenths: int, count: ColumnElement[int]) -> ColumnElement[int]:
    """The rank of a nearest-rank percentile: 5 tenths for the median, 9 for the ninth decile. The
    value at that rank is a real one; of an even count, the lower middle."""
    return cast((count * share_in_tenths + 9) // 10, Integer)
