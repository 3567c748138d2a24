"""A program's settings: opening hours, holidays, and the duty rota.

All times that managers type are on the program's wall clock. week_ahead.py shows the result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.people.import_file import cleaned, is_zone
from gateway.runtime.audit import note, note_about
from gateway.runtime.database import lock_program
from models import DutyOverride, DutyShift, Holiday, Person, Program, Role

WEEKDAYS = (
    gettext_noop("Monday"),
    gettext_noop("Tuesday"),
    gettext_noop("Wednesday"),
    gettext_noop("Thursday"),
    gettext_noop("Friday"),
    gettext_noop("Saturday"),
    gettext_noop("Sunday"),
)
LONGEST_HOLIDAY_NAME = 60
NO_SUCH_PERSON = gettext_noop(
    "That person cannot be on duty, or is not in your program. Choose another."
)


class CannotSet(Exception):
    """A refused setting. Its text says why, and what to do."""


@dataclass(frozen=True)
class Edit:
    """One change to a program's settings: in which transaction, by which manager, and when."""

    session: Session
    program: Program
    by: Person
    now: datetime

    def note(self, action: str, **detail: object) -> None:
        note(
            self.session,
            program_id=self.program.id,
            by=self.by,
            action=action,
            about=f"program:{self.program.id}",
            now=self.now,
            **detail,
        )

    def note_about(self, person: Person, action: str, **detail: object) -> None:
        note_about(self.session, person, action, by=self.by, now=self.now, **detail)


# --- hours and holidays ---


def set_hours(edit: Edit, *, opens: str, closes: str, timezone: str) -> None:
    """Set opening hours and time zone. Equal times mean open around the clock."""
    zone = cleaned(timezone)
    if not is_zone(zone):
        raise CannotSet(
            phrase("There is no time zone {zone!r}. Use one like America/New_York.", zone=zone)
        )
    program, opens_at, closes_at = edit.program, read_clock(opens), read_clock(closes)
    program.opens_at, program.closes_at, program.timezone = opens_at, closes_at, zone
    edit.session.flush()
    edit.note("hours set", hours=f"{opens_at:%H:%M}-{closes_at:%H:%M}", zone=zone)


def holidays_in(session: Session, program: Program, *, since: date | None = None) -> list[Holiday]:
    holidays = select(Holiday).where(Holiday.program_id == program.id).order_by(Holiday.day)
    if since is not None:
        holidays = holidays.where(Holiday.day >= since)
    return list(session.scalars(holidays))


def add_holiday(edit: Edit, *, day: str, name: str) -> None:
    """Close for a day, or rename a holiday."""
    on, called = read_day(day), cleaned(name)
    if not called:
        raise CannotSet(gettext_noop("Give the day a name, such as Labor Day."))
    if len(called) > LONGEST_HOLIDAY_NAME:
        raise CannotSet(
            phrase("Keep the name under {longest} characters.", longest=LONGEST_HOLIDAY_NAME)
        )
    program, session = edit.program, edit.session
    if on < edit.now.astimezone(ZoneInfo(program.timezone)).date():
        raise CannotSet(phrase("{on:%d %B %Y} is in the past. Choose a future day.", on=on))
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
    edit.note("holiday set", day=on.isoformat())


def remove_holiday(edit: Edit, number: int) -> bool:
    """False when the program has no such holiday."""
    holiday = edit.session.get(Holiday, number)
    if holiday is None or holiday.program_id != edit.program.id:
        return False
    edit.note("holiday removed", day=holiday.day.isoformat())
    edit.session.delete(holiday)
    return True


# --- duty ---


def add_shifts(
    edit: Edit, person: Person | None, *, weekdays: Iterable[str], begins: str, ends: str
) -> None:
    """Put a person on duty every week on these days. A shift they already have stays one."""
    person = _check_duty(edit.program, person)
    days = sorted({int(day) for day in weekdays if day in {"0", "1", "2", "3", "4", "5", "6"}})
    if not days:
        raise CannotSet(gettext_noop("Choose at least one day of the week."))
    begins_at, ends_at = read_clock(begins), read_clock(ends)
    lock_program(edit.session, edit.program.id)
    for weekday in days:
        shift: dict[str, Any] = {
            "person_id": person.id,
            "weekday": weekday,
            "begins_at": begins_at,
            "ends_at": ends_at,
        }
        if not edit.session.scalar(select(DutyShift.id).filter_by(**shift).limit(1)):
            edit.session.add(DutyShift(**shift))
    edit.session.flush()
    edit.note_about(person, "duty added", weekdays=days, hours=f"{begins_at:%H:%M}-{ends_at:%H:%M}")


def remove_shift(edit: Edit, number: int) -> bool:
    """False when the program has no such shift."""
    shift = edit.session.get(DutyShift, number)
    if shift is None or shift.person.program_id != edit.program.id:
        return False
    edit.note_about(shift.person, "duty removed", weekdays=[shift.weekday])
    edit.session.delete(shift)
    return True


def add_override(
    edit: Edit, person: Person | None, *, on_duty: bool, begins: str, ends: str
) -> None:
    """Put a person on or off duty once, from `begins` to `ends`."""
    person = _check_duty(edit.program, person)
    zone = ZoneInfo(edit.program.timezone)
    begins_at, ends_at = read_moment(begins, zone), read_moment(ends, zone)
    if begins_at >= ends_at:
        raise CannotSet(gettext_noop("The end must be after the start."))
    if ends_at <= edit.now:
        raise CannotSet(gettext_noop("That time is in the past. Choose a future time."))
    lock_program(edit.session, edit.program.id)
    override: dict[str, Any] = {
        "person_id": person.id,
        "on_duty": on_duty,
        "begins_at": begins_at,
        "ends_at": ends_at,
    }
    if edit.session.scalar(select(DutyOverride.id).filter_by(**override).limit(1)):
        return
    edit.session.add(DutyOverride(**override, by_id=edit.by.id))
    edit.session.flush()
    edit.note_about(person, "duty exception added", on_duty=on_duty)


def overrides_ahead(session: Session, program: Program, *, now: datetime) -> list[DutyOverride]:
    """Current and future exceptions, by start."""
    overrides = session.scalars(
        select(DutyOverride)
        .join(Person, Person.id == DutyOverride.person_id)
        .where(Person.program_id == program.id, DutyOverride.ends_at > now)
        .order_by(DutyOverride.begins_at, DutyOverride.id)
    )
    return list(overrides)


def remove_override(edit: Edit, number: int) -> bool:
    """False when the program has no such exception."""
    override = edit.session.get(DutyOverride, number)
    if override is None or override.person.program_id != edit.program.id:
        return False
    edit.note_about(override.person, "duty exception removed")
    edit.session.delete(override)
    return True


def switch_duty(edit: Edit, person: Person | None, *, on: bool) -> None:
    """Put a person on duty at all hours, in addition to their shifts, or end that."""
    person = _check_duty(edit.program, person)
    if person.on_duty == on:
        return
    person.on_duty = on
    edit.session.flush()
    edit.note_about(person, "duty switched", on_duty=on)


def _check_duty(program: Program, person: Person | None) -> Person:
    if person is None or person.program_id != program.id:
        raise CannotSet(NO_SUCH_PERSON)
    if person.role is Role.MENTEE or person.left_at is not None:
        raise CannotSet(NO_SUCH_PERSON)
    return person


# --- typed times ---


def read_clock(typed: str) -> time:
    """Raises CannotSet when it is not a time of day."""
    try:
        return time.fromisoformat(typed.strip()).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        sentence = gettext_noop("Write a time like 08:00, not {typed!r}.")
        raise _unreadable(sentence, typed) from None


def read_day(typed: str) -> date:
    """Raises CannotSet when it is not a date."""
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        sentence = gettext_noop("Write a date like 2026-12-24, not {typed!r}.")
        raise _unreadable(sentence, typed) from None


def read_moment(typed: str, zone: ZoneInfo) -> datetime:
    """A date and time on the wall clock of `zone`; of a repeated hour, the first.

    Raises CannotSet when it cannot be read, or is skipped because the clocks go forward.
    """
    try:
        local = datetime.fromisoformat(typed.strip()).replace(second=0, microsecond=0, tzinfo=zone)
        moment = local.astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        raise _unreadable(
            gettext_noop("Write a date and time like 2026-12-24 18:00, not {typed!r}."), typed
        ) from None
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise CannotSet(
            phrase(
                "{local:%H:%M} does not exist on {local:%d %B %Y}, because the clocks go forward. "
                "Choose an hour earlier or later.",
                local=local,
            )
        )
    return moment


def _unreadable(sentence: str, typed: str) -> CannotSet:
    return CannotSet(phrase(sentence, typed=cleaned(typed)[:20]))
