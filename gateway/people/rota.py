"""A program's settings as its managers keep them: hours, holidays, the duty rota.

Whatever is written here is of the program's own wall clock. Who is on duty at a moment is
escalation/handoffs/duty.py's to say; here it is changed, and shown for the week ahead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.duty import Rota, get_rota
from escalation.speech.i18n import gettext_noop, phrase
from gateway.people.absences import absences_between, holds
from gateway.people.import_file import cleaned, is_zone
from gateway.runtime.audit import note, note_about
from gateway.runtime.database import lock_program
from models import Absence, DutyOverride, DutyShift, Holiday, Person, Program, Role

WEEKDAYS = (
    gettext_noop("Monday"),
    gettext_noop("Tuesday"),
    gettext_noop("Wednesday"),
    gettext_noop("Thursday"),
    gettext_noop("Friday"),
    gettext_noop("Saturday"),
    gettext_noop("Sunday"),
)
DAYS_AHEAD = 7
QUARTER = timedelta(minutes=15)
LONGEST_HOLIDAY_NAME = 60
NO_SUCH_PERSON = gettext_noop(
    "That person is not in your program, or can have no duty. Choose another."
)


class CannotSet(Exception):
    """A setting that is not made. Its text is a sentence: why, and what to do."""


@dataclass(frozen=True)
class Stretch:
    """A time on end with the same people on duty, within one day of the program's.

    `people` can be called; `cannot` are on duty and can not, each with why.
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
    """One day of the week ahead; a `holiday` is its name."""

    day: date
    holiday: str | None
    stretches: tuple[Stretch, ...]


# --- the week ahead ---


def week_ahead(session: Session, program: Program, *, now: datetime) -> list[Day]:
    """From now on to the end of the sixth day after today, in the program's zone."""
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
    """Every moment at which something may change, from `since` on."""
    moments = {since}
    for days in range(DAYS_AHEAD + 1):
        day = today + timedelta(days=days)
        for clock in {time(0), *_clocks(rota.shifts)}:
            # An hour that comes twice begins twice.
            for fold in (0, 1):
                moments.add(datetime.combine(day, clock, zone).replace(fold=fold))
        # On a day on which the clocks change, a shift may begin in an hour that is left out.
        midnight, next_one = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        if next_one - midnight != timedelta(days=1):
            moments |= {midnight + QUARTER * n for n in range((next_one - midnight) // QUARTER)}
    for override in rota.overrides:
        moments |= {override.begins_at, override.ends_at}
    for absence in absences:
        moments |= {absence.begins_at, absence.ends_at or until}
    utc = ZoneInfo("UTC")
    # In UTC, so that equal moments are one and their order is that of time.
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
    """Who is or will be away in the week ahead."""
    rota = get_rota(session, program)
    until = now + timedelta(days=DAYS_AHEAD)
    found = absences_between(session, rota.people, since=now, until=until)
    return [(rota.people[one.person_id], one) for one in found]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(ZoneInfo("UTC"))


# --- hours and holidays ---


def set_hours(
    session: Session,
    program: Program,
    *,
    opens: str,
    closes: str,
    timezone: str,
    by: Person,
    now: datetime,
) -> None:
    """Set from when to when the line is open, and where. Equal times: round the clock."""
    zone = cleaned(timezone)
    if not is_zone(zone):
        raise CannotSet(
            phrase("There is no time zone {zone!r}. Write one like America/New_York.", zone=zone)
        )
    opens_at, closes_at = read_clock(opens), read_clock(closes)
    program.opens_at, program.closes_at, program.timezone = opens_at, closes_at, zone
    session.flush()
    hours = f"{opens_at:%H:%M}-{closes_at:%H:%M}"
    _note(session, program, "hours set", by, now, hours=hours, zone=zone)


def holidays_in(session: Session, program: Program, *, since: date | None = None) -> list[Holiday]:
    """The program's holidays, from `since` on, in their order."""
    holidays = select(Holiday).where(Holiday.program_id == program.id).order_by(Holiday.day)
    if since is not None:
        holidays = holidays.where(Holiday.day >= since)
    return list(session.scalars(holidays))


def add_holiday(
    session: Session, program: Program, *, day: str, name: str, by: Person, now: datetime
) -> None:
    """Close the line for a day; for one that is a holiday already, give it this name."""
    on, called = read_day(day), cleaned(name)
    if not called:
        raise CannotSet(gettext_noop("Give the day a name, such as Labor Day."))
    if len(called) > LONGEST_HOLIDAY_NAME:
        raise CannotSet(
            phrase("Keep the name under {longest} signs.", longest=LONGEST_HOLIDAY_NAME)
        )
    if on < now.astimezone(ZoneInfo(program.timezone)).date():
        raise CannotSet(phrase("{on:%d %B %Y} is over. Choose a day that is still to come.", on=on))
    lock_program(session, program.id)
    known = session.scalar(
        select(Holiday).where(Holiday.program_id == program.id, Holiday.day == on)
    )
    if known is not None and known.name == called:
        return
    if known is None:
        session.add(Holiday(program_id=program.id, day=on, name=called))
    else:
        known.name = called
    session.flush()
    _note(session, program, "holiday set", by, now, day=on.isoformat())


def remove_holiday(
    session: Session, program: Program, number: int, *, by: Person, now: datetime
) -> bool:
    """False when there is no such holiday in this program, or no longer."""
    holiday = session.get(Holiday, number)
    if holiday is None or holiday.program_id != program.id:
        return False
    _note(session, program, "holiday taken out", by, now, day=holiday.day.isoformat())
    session.delete(holiday)
    return True


# --- the rota ---


def add_shifts(
    session: Session,
    program: Program,
    person: Person | None,
    *,
    weekdays: Iterable[str],
    begins: str,
    ends: str,
    by: Person,
    now: datetime,
) -> None:
    """Give somebody a weekly duty on these days. One they have already is not doubled."""
    person = _may_have_duty(program, person)
    days = sorted({int(day) for day in weekdays if day in {"0", "1", "2", "3", "4", "5", "6"}})
    if not days:
        raise CannotSet(gettext_noop("Choose at least one day of the week."))
    begins_at, ends_at = read_clock(begins), read_clock(ends)
    lock_program(session, program.id)
    for weekday in days:
        known = session.scalar(
            select(DutyShift.id)
            .where(
                DutyShift.person_id == person.id,
                DutyShift.weekday == weekday,
                DutyShift.begins_at == begins_at,
                DutyShift.ends_at == ends_at,
            )
            .limit(1)
        )
        if known is None:
            session.add(
                DutyShift(
                    person_id=person.id, weekday=weekday, begins_at=begins_at, ends_at=ends_at
                )
            )
    session.flush()
    hours = f"{begins_at:%H:%M}-{ends_at:%H:%M}"
    note_about(session, person, "duty added", by=by, now=now, weekdays=days, hours=hours)


def remove_shift(
    session: Session, program: Program, number: int, *, by: Person, now: datetime
) -> bool:
    """False when there is no such shift in this program, or no longer."""
    shift = session.get(DutyShift, number)
    if shift is None or shift.person.program_id != program.id:
        return False
    note_about(session, shift.person, "duty taken out", by=by, now=now, weekdays=[shift.weekday])
    session.delete(shift)
    return True


def add_override(
    session: Session,
    program: Program,
    person: Person | None,
    *,
    on_duty: bool,
    begins: str,
    ends: str,
    by: Person,
    now: datetime,
) -> None:
    """Put somebody on duty, or take them off, for one stretch of time."""
    person = _may_have_duty(program, person)
    zone = ZoneInfo(program.timezone)
    begins_at, ends_at = read_moment(begins, zone), read_moment(ends, zone)
    if begins_at >= ends_at:
        raise CannotSet(
            gettext_noop("The stretch ends before it begins. Put its end after its begin.")
        )
    if ends_at <= now:
        raise CannotSet(
            gettext_noop("The stretch is over already. Choose one that is still to come.")
        )
    lock_program(session, program.id)
    same = session.scalar(
        select(DutyOverride.id)
        .where(
            DutyOverride.person_id == person.id,
            DutyOverride.begins_at == begins_at,
            DutyOverride.ends_at == ends_at,
            DutyOverride.on_duty == on_duty,
        )
        .limit(1)
    )
    if same is not None:
        return
    session.add(
        DutyOverride(
            person_id=person.id, begins_at=begins_at, ends_at=ends_at, on_duty=on_duty, by_id=by.id
        )
    )
    session.flush()
    note_about(session, person, "duty differs", by=by, now=now, on_duty=on_duty)


def overrides_ahead(session: Session, program: Program, *, now: datetime) -> list[DutyOverride]:
    """Those that hold now or later, in the order of their begin."""
    overrides = session.scalars(
        select(DutyOverride)
        .join(Person, Person.id == DutyOverride.person_id)
        .where(Person.program_id == program.id, DutyOverride.ends_at > now)
        .order_by(DutyOverride.begins_at, DutyOverride.id)
    )
    return list(overrides)


def remove_override(
    session: Session, program: Program, number: int, *, by: Person, now: datetime
) -> bool:
    """False when there is no such override in this program, or no longer."""
    override = session.get(DutyOverride, number)
    if override is None or override.person.program_id != program.id:
        return False
    note_about(session, override.person, "difference taken out", by=by, now=now)
    session.delete(override)
    return True


def switch_duty(
    session: Session,
    program: Program,
    person: Person | None,
    *,
    on: bool,
    by: Person,
    now: datetime,
) -> None:
    """The plain switch: on duty at all hours until it is switched off, beside the rota."""
    person = _may_have_duty(program, person)
    if person.on_duty == on:
        return
    person.on_duty = on
    session.flush()
    note_about(session, person, "duty switched", by=by, now=now, on_duty=on)


def _may_have_duty(program: Program, person: Person | None) -> Person:
    if person is None or person.program_id != program.id:
        raise CannotSet(NO_SUCH_PERSON)
    if person.role is Role.MENTEE or person.left_at is not None:
        raise CannotSet(NO_SUCH_PERSON)
    return person


# --- what is typed ---


def read_clock(typed: str) -> time:
    """Raises CannotSet when it is no time of day."""
    try:
        return time.fromisoformat(typed.strip()).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise CannotSet(
            phrase(
                "The time {typed!r} cannot be read. Write it like 08:00.", typed=cleaned(typed)[:20]
            )
        ) from None


def read_day(typed: str) -> date:
    """Raises CannotSet when it is no day."""
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise CannotSet(
            phrase(
                "The day {typed!r} cannot be read. Write it like 2026-12-24.",
                typed=cleaned(typed)[:20],
            )
        ) from None


def read_moment(typed: str, zone: ZoneInfo) -> datetime:
    """A wall clock's day and time in `zone`; of an hour that comes twice, the first.

    Raises CannotSet when it cannot be read, or is left out as the clocks go forward.
    """
    try:
        local = datetime.fromisoformat(typed.strip()).replace(second=0, microsecond=0, tzinfo=zone)
        moment = local.astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        raise CannotSet(
            phrase(
                "The time {typed!r} cannot be read. Write it like 2026-12-24 18:00.",
                typed=cleaned(typed)[:20],
            )
        ) from None
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise CannotSet(
            phrase(
                "There is no {local:%H:%M} on {local:%d %B %Y}: the clocks go forward then. "
                "Choose an hour earlier or later.",
                local=local,
            )
        )
    return moment


def _note(
    session: Session, program: Program, action: str, by: Person, now: datetime, **detail: object
) -> None:
    note(
        session,
        program_id=program.id,
        by=by,
        action=action,
        about=f"program:{program.id}",
        now=now,
        **detail,
    )
