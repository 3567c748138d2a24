"""A program's settings: opening hours, holidays, and the duty rota.

All times that managers type are in the program's time zone. week_ahead.py shows the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.people.details.refusals import CannotChange
from gateway.people.details.row import cleaned
from gateway.people.details.time_zones import check_zone
from gateway.people.directory import person_in
from gateway.runtime.audit import note, note_about
from gateway.runtime.database import lock_program
from gateway.web.lookup import row_number
from models import DutyOverride, DutyShift, Holiday, Person, Program, Role

T = TypeVar("T")
WEEKDAYS = (
    gettext_noop("Monday"),
    gettext_noop("Tuesday"),
    gettext_noop("Wednesday"),
    gettext_noop("Thursday"),
    gettext_noop("Friday"),
    gettext_noop("Saturday"),
    gettext_noop("Sunday"),
)
Entry = Holiday | DutyShift | DutyOverride
LONGEST_HOLIDAY_NAME = 60
NO_SUCH_PERSON = gettext_noop(
    "That person cannot be on duty, or is not in your program. Choose another."
)


@dataclass(frozen=True)
class Edit:
    """One change to a program's settings: in which transaction, by which manager, and when."""

    session: Session
    program: Program
    by: Person
    now: datetime

    def note(self, action: str, **detail: object) -> None:
        number = self.program.id
        note(
            self.session,
            program_id=number,
            by=self.by,
            action=action,
            about=f"program:{number}",
            now=self.now,
            **detail,
        )

    def note_about(self, person: Person, action: str, **detail: object) -> None:
        note_about(self.session, person, action, by=self.by, now=self.now, **detail)


class Typed(BaseModel):
    """What a manager typed into one of the forms. `person` is a row number."""

    opens: str = ""
    closes: str = ""
    timezone: str = ""
    day: str = ""
    name: str = ""
    person: str = ""
    weekday: list[str] = []
    duty: str = ""
    begins: str = ""
    ends: str = ""


# --- hours and holidays ---


def set_hours(edit: Edit, typed: Typed) -> None:
    """Set opening hours and time zone. Equal times mean open around the clock."""
    zone = cleaned(typed.timezone)
    check_zone(zone)
    program, opens_at, closes_at = edit.program, read_clock(typed.opens), read_clock(typed.closes)
    program.opens_at, program.closes_at, program.timezone = opens_at, closes_at, zone
    edit.note("hours set", hours=f"{opens_at:%H:%M}-{closes_at:%H:%M}", zone=zone)


def holidays_in(session: Session, program: Program, *, since: date | None = None) -> list[Holiday]:
    holidays = select(Holiday).where(Holiday.program_id == program.id).order_by(Holiday.day)
    if since is not None:
        holidays = holidays.where(Holiday.day >= since)
    return list(session.scalars(holidays))


def add_holiday(edit: Edit, typed: Typed) -> None:
    """Close for a day, or rename a holiday."""
    on, called = read_day(typed.day), cleaned(typed.name)
    if not called:
        raise CannotChange(gettext_noop("Give the day a name, such as Labor Day."))
    if len(called) > LONGEST_HOLIDAY_NAME:
        raise CannotChange(
            phrase("Keep the name under {longest} characters.", longest=LONGEST_HOLIDAY_NAME)
        )
    program, session = edit.program, edit.session
    if on < edit.now.astimezone(ZoneInfo(program.timezone)).date():
        raise CannotChange(phrase("{on:%d %B %Y} is in the past. Choose a future day.", on=on))
    lock_program(session, program.id)
    known = session.scalar(
        select(Holiday).where(Holiday.program_id == program.id, Holiday.day == on)
    )
    holiday = known or Holiday(program_id=program.id, day=on, name="")
    if holiday.name != called:
        holiday.name = called
        session.add(holiday)
        edit.note("holiday set", day=on.isoformat())


# --- duty ---


def add_shifts(edit: Edit, typed: Typed) -> None:
    """Put a person on duty every week on these days. A shift they already have stays one."""
    person = _find_staff(edit, typed)
    days = sorted({int(day) for day in typed.weekday if day in set("0123456")})
    if not days:
        raise CannotChange(gettext_noop("Choose at least one day of the week."))
    begins_at, ends_at = read_clock(typed.begins), read_clock(typed.ends)
    lock_program(edit.session, edit.program.id)
    for weekday in days:
        shift = {
            "person_id": person.id,
            "weekday": weekday,
            "begins_at": begins_at,
            "ends_at": ends_at,
        }
        if not edit.session.scalar(select(DutyShift.id).filter_by(**shift).limit(1)):
            edit.session.add(DutyShift(**shift))
    edit.note_about(person, "duty added", weekdays=days, hours=f"{begins_at:%H:%M}-{ends_at:%H:%M}")


def add_override(edit: Edit, typed: Typed) -> None:
    """Put a person on or off duty once."""
    person, is_on = _find_staff(edit, typed), typed.duty != "off"
    zone = ZoneInfo(edit.program.timezone)
    begins_at, ends_at = read_moment(typed.begins, zone), read_moment(typed.ends, zone)
    if begins_at >= ends_at:
        raise CannotChange(gettext_noop("The end must be after the start."))
    if ends_at <= edit.now:
        raise CannotChange(gettext_noop("That time is in the past. Choose a future time."))
    lock_program(edit.session, edit.program.id)
    override: dict[str, Any] = {
        "person_id": person.id,
        "on_duty": is_on,
        "begins_at": begins_at,
        "ends_at": ends_at,
    }
    if not edit.session.scalar(select(DutyOverride.id).filter_by(**override).limit(1)):
        edit.session.add(DutyOverride(**override, by_id=edit.by.id))
        edit.note_about(person, "duty exception added", on_duty=is_on)


def overrides_ahead(session: Session, program: Program, *, now: datetime) -> list[DutyOverride]:
    """Current and future exceptions, by start."""
    overrides = session.scalars(
        select(DutyOverride)
        .join(Person, Person.id == DutyOverride.person_id)
        .where(Person.program_id == program.id, DutyOverride.ends_at > now)
        .order_by(DutyOverride.begins_at, DutyOverride.id)
    )
    return list(overrides)


def remove(edit: Edit, model: type[Entry], number: int) -> bool:
    """False when the program has no such entry."""
    entry = cast(Entry | None, edit.session.get(model, number))
    owner = entry.program_id if isinstance(entry, Holiday) else entry and entry.person.program_id
    if entry is None or owner != edit.program.id:
        return False
    if isinstance(entry, Holiday):
        edit.note("holiday removed", day=entry.day.isoformat())
    elif isinstance(entry, DutyShift):
        edit.note_about(entry.person, "duty removed", weekdays=[entry.weekday])
    else:
        edit.note_about(entry.person, "duty exception removed")
    edit.session.delete(entry)
    return True


def switch_duty(edit: Edit, typed: Typed) -> None:
    """Put a person on duty at all hours, in addition to their shifts, or end that."""
    person, is_on = _find_staff(edit, typed), typed.duty == "on"
    if person.on_duty != is_on:
        person.on_duty = is_on
        edit.note_about(person, "duty switched", on_duty=is_on)


def _find_staff(edit: Edit, typed: Typed) -> Person:
    person = person_in(edit.session, edit.program.id, row_number(typed.person))
    if person is None or person.role is Role.MENTEE or person.left_at is not None:
        raise CannotChange(NO_SUCH_PERSON)
    return person


# --- typed times ---


def read_clock(typed: str) -> time:
    """Raises CannotChange when it is not a time of day."""
    sentence = gettext_noop("Write a time like 08:00, not {typed!r}.")
    return _read(time.fromisoformat, typed, sentence).replace(second=0, microsecond=0, tzinfo=None)


def read_day(typed: str) -> date:
    """Raises CannotChange when it is not a date."""
    sentence = gettext_noop("Write a date like 2026-12-24, not {typed!r}.")
    return _read(date.fromisoformat, typed, sentence)


def read_moment(typed: str, zone: ZoneInfo) -> datetime:
    """A date and time in `zone`; of a repeated hour, the first.

    Raises CannotChange when we cannot read it, or the clocks skip it as they go forward.
    """

    def read(words: str) -> tuple[datetime, datetime]:
        local = datetime.fromisoformat(words).replace(second=0, microsecond=0, tzinfo=zone)
        return local, local.astimezone(ZoneInfo("UTC"))

    sentence = gettext_noop("Write a date and time like 2026-12-24 18:00, not {typed!r}.")
    local, moment = _read(read, typed, sentence)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise CannotChange(
            phrase(
                "{local:%H:%M} does not exist on {local:%d %B %Y}, because the clocks go forward. "
                "Choose an hour earlier or later.",
                local=local,
            )
        )
    return moment


def _read(read: Callable[[str], T], typed: str, sentence: str) -> T:
    try:
        return read(typed.strip())
    except (ValueError, OverflowError):
        raise CannotChange(phrase(sentence, typed=cleaned(typed)[:20])) from None
