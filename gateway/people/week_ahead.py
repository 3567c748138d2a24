"""Who is on duty in the week ahead, and where the gaps are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.handoffs.duty import Rota, get_rota
from escalation.speech.i18n import gettext_noop
from gateway.people.absences import absences_between, holds
from gateway.people.rota import holidays_in
from models import Absence, DutyShift, Person, Program

DAYS_AHEAD = 7
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Stretch:
    """A time span within one day with the same people on duty.

    `people` can be paged; `cannot` are on duty but cannot be paged, each with the reason.
    """

    begins_at: datetime
    ends_at: datetime
    people: tuple[Person, ...]
    cannot: tuple[tuple[Person, str], ...]

    @property
    def is_gap(self) -> bool:
        return not self.people


@dataclass(frozen=True)
class Day:
    """`holiday` is the holiday's name."""

    day: date
    holiday: str | None
    stretches: tuple[Stretch, ...]


def week_ahead(session: Session, program: Program, *, now: datetime) -> list[Day]:
    """From now to the end of the sixth day after today, in the program's time zone."""
    zone = ZoneInfo(program.timezone)
    today = now.astimezone(zone).date()
    until = _midnight(today + timedelta(days=DAYS_AHEAD), zone)
    rota = get_rota(session, program)
    absences = absences_between(session, rota.people, since=now, until=until)
    moments = sorted(_moments(rota, absences, today, zone, since=now, until=until))
    holidays = {holiday.day: holiday.name for holiday in holidays_in(session, program)}
    stretches: dict[date, list[Stretch]] = {}
    for begins_at, ends_at in zip(moments, [*moments[1:], until], strict=True):
        found = _stretch(rota, absences, begins_at, ends_at)
        day = stretches.setdefault(begins_at.astimezone(zone).date(), [])
        if day and (day[-1].people, day[-1].cannot) == (found.people, found.cannot):
            found = Stretch(day.pop().begins_at, found.ends_at, found.people, found.cannot)
        day.append(found)
    return [Day(day, holidays.get(day), tuple(found)) for day, found in stretches.items()]


def _moments(
    rota: Rota,
    absences: Sequence[Absence],
    today: date,
    zone: ZoneInfo,
    *,
    since: datetime,
    until: datetime,
) -> set[datetime]:
    """Every moment from `since` to `until` at which the people on duty may change."""
    moments = {since}
    for days in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=days)
        for clock in {time(0), *_clocks(rota.shifts)}:
            # An hour that is repeated when the clocks go back begins twice.
            for fold in (0, 1):
                moments.add(datetime.combine(day, clock, zone).replace(fold=fold))
        # On a day when the clocks change, a shift may begin in an hour that is skipped.
        midnight, next_one = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        if next_one - midnight != timedelta(days=1):
            moments |= {midnight + QUARTER * n for n in range((next_one - midnight) // QUARTER)}
    for override in rota.overrides:
        moments |= {override.begins_at, override.ends_at}
    for absence in absences:
        moments |= {absence.begins_at, absence.ends_at or until}
    utc = ZoneInfo("UTC")
    # In UTC, so that equal moments compare as equal and sort by time.
    return {at.astimezone(utc) for at in moments if since <= at.astimezone(utc) < until}


def _clocks(shifts: Iterable[DutyShift]) -> Iterable[time]:
    for shift in shifts:
        yield shift.begins_at
        yield shift.ends_at


def _stretch(
    rota: Rota, absences: Sequence[Absence], begins_at: datetime, ends_at: datetime
) -> Stretch:
    can, cannot = [], []
    for person in rota.on_duty(begins_at):
        if not person.can_be_texted:
            cannot.append((person, gettext_noop("cannot be texted")))
        elif any(one.person_id == person.id and holds(one, begins_at) for one in absences):
            cannot.append((person, "away"))
        else:
            can.append(person)
    return Stretch(begins_at, ends_at, tuple(can), tuple(cannot))


def absences_ahead(
    session: Session, program: Program, *, now: datetime
) -> list[tuple[Person, Absence]]:
    """Everyone who is or will be away in the week ahead."""
    rota = get_rota(session, program)
    until = now + timedelta(days=DAYS_AHEAD)
    found = absences_between(session, rota.people, since=now, until=until)
    return [(rota.people[one.person_id], one) for one in found]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(ZoneInfo("UTC"))
