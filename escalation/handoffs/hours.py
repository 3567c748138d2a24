"""A program's hours and holidays, in its own time zone."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Holiday, Program

# Days. The search for the next opening ends here.
LONGEST_CLOSED = 366


def get_holidays(session: Session, program: Program) -> frozenset[date]:
    return frozenset(session.scalars(select(Holiday.day).where(Holiday.program_id == program.id)))


def is_within_hours(
    program: Program, now: datetime, holidays: Collection[date] = frozenset()
) -> bool:
    """From opening, up to but not at closing; equal times mean round the clock.

    A holiday is closed from midnight to midnight, even if hours run past midnight.
    """
    there = now.astimezone(ZoneInfo(program.timezone))
    if there.date() in holidays:
        return False
    if program.opens_at == program.closes_at:
        return True
    local = there.time()
    if program.opens_at < program.closes_at:
        return program.opens_at <= local < program.closes_at
    return local >= program.opens_at or local < program.closes_at


def next_opening(
    program: Program, now: datetime, holidays: Collection[date] = frozenset()
) -> datetime:
    """`now` when it is within hours, otherwise the next opening, as an aware local time."""
    zone = ZoneInfo(program.timezone)
    local = now.astimezone(zone)
    if is_within_hours(program, now, holidays):
        return local
    opening = local
    for days in range(LONGEST_CLOSED + 1):
        day = local.date() + timedelta(days=days)
        # Local time, so that 8:00 stays 8:00 when daylight saving time starts or ends.
        opening = datetime.combine(day, program.opens_at, zone)
        if day in holidays:
            continue
        midnight = datetime.combine(day, time(0), zone)
        # After a holiday, hours that run overnight start at midnight.
        if midnight > local and is_within_hours(program, midnight, holidays):
            return midnight
        if opening > local:
            return opening
    return opening


def next_closing(
    program: Program, now: datetime, holidays: Collection[date] = frozenset()
) -> datetime | None:
    """When the hours that include `now` end; None if they go on for more than a week."""
    zone = ZoneInfo(program.timezone)
    local = now.astimezone(zone)
    for days in range(8):
        day = local.date() + timedelta(days=days)
        for clock in sorted({time(0), program.closes_at}):
            at = datetime.combine(day, clock, zone)
            if at > local and not is_within_hours(program, at, holidays):
                return at
    return None


def after_open_time(
    program: Program, start: datetime, span: timedelta, holidays: Collection[date] = frozenset()
) -> datetime:
    """When the program will have been open for `span` since `start`."""
    while True:
        opening = next_opening(program, start, holidays).astimezone(UTC)
        closing = next_closing(program, opening, holidays)
        if closing is None or closing.astimezone(UTC) - opening >= span:
            return opening + span
        span -= closing.astimezone(UTC) - opening
        start = closing.astimezone(UTC)
