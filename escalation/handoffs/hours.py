"""A programme's hours, in its own time zone, and the days on which it is closed."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Holiday, Programme

# Nobody closes for longer; the search for the next opening ends here.
LONGEST_CLOSED = 366


def holidays_of(session: Session, programme: Programme) -> frozenset[date]:
    """The days on which the programme is closed as if it were outside its hours."""
    return frozenset(
        session.scalars(select(Holiday.day).where(Holiday.programme_id == programme.id))
    )


def is_within_hours(
    programme: Programme, now: datetime, holidays: Collection[date] = frozenset()
) -> bool:
    """From opening, up to but not at closing; equal times mean round the clock.

    A holiday is closed from midnight to midnight, also where hours reach into it.
    """
    there = now.astimezone(ZoneInfo(programme.timezone))
    if there.date() in holidays:
        return False
    if programme.opens_at == programme.closes_at:
        return True
    local = there.time()
    if programme.opens_at < programme.closes_at:
        return programme.opens_at <= local < programme.closes_at
    return local >= programme.opens_at or local < programme.closes_at


def next_opening(
    programme: Programme, now: datetime, holidays: Collection[date] = frozenset()
) -> datetime:
    """`now` when it is within hours, otherwise the next opening, as an aware local time."""
    zone = ZoneInfo(programme.timezone)
    local = now.astimezone(zone)
    if is_within_hours(programme, now, holidays):
        return local
    opening = local
    for days in range(LONGEST_CLOSED + 1):
        day = local.date() + timedelta(days=days)
        opening = _on_the_wall(day, programme.opens_at, zone)
        if day in holidays:
            continue
        midnight = _on_the_wall(day, time(0), zone)
        # After a holiday, hours that reach over midnight begin in the middle.
        if midnight > local and is_within_hours(programme, midnight, holidays):
            return midnight
        if opening > local:
            return opening
    return opening


def _on_the_wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    # Built from the wall clock of its day, so that 8:00 stays 8:00 when summer time begins or ends.
    return datetime.combine(day, at, zone)
