"""A programme's hours, in its own time zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models import Programme


def is_within_hours(programme: Programme, now: datetime) -> bool:
    """From opening, up to but not at closing; equal times mean round the clock."""
    if programme.opens_at == programme.closes_at:
        return True
    local = now.astimezone(ZoneInfo(programme.timezone)).time()
    if programme.opens_at < programme.closes_at:
        return programme.opens_at <= local < programme.closes_at
    return local >= programme.opens_at or local < programme.closes_at


def next_opening(programme: Programme, now: datetime) -> datetime:
    """`now` when it is within hours, otherwise the next opening, as an aware local time."""
    zone = ZoneInfo(programme.timezone)
    local = now.astimezone(zone)
    if is_within_hours(programme, now):
        return local
    opening = _opening_on(local.date(), programme.opens_at, zone)
    if opening <= local:
        opening = _opening_on(local.date() + timedelta(days=1), programme.opens_at, zone)
    return opening


def _opening_on(day: date, opens_at: time, zone: ZoneInfo) -> datetime:
    # Built from the wall clock of its day, so that 8:00 stays 8:00 when summer time begins or ends.
    return datetime.combine(day, opens_at, zone)
