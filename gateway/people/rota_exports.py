"""A program's rota as tables for a spreadsheet: the week ahead, and what it is made of."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from gateway.people.rota import WEEKDAYS, absences_ahead, overrides_ahead, week_ahead
from gateway.runtime.spreadsheets import Table
from models import Person, Program


def _week(session: Session, program: Program, now: datetime) -> Table:
    """Stretch by stretch, who is on duty; where nobody can be called it is a gap."""
    zone = ZoneInfo(program.timezone)
    return Table(
        "The week ahead",
        ("begins", "ends", "on_duty", "on_duty_and_cannot", "gap", "holiday"),
        [
            (
                one.begins_at.astimezone(zone),
                one.ends_at.astimezone(zone),
                _names(one.people),
                "; ".join(f"{person.name} {why}" for person, why in one.cannot) or None,
                "yes" if one.is_gap else None,
                day.holiday,
            )
            for day in week_ahead(session, program, now=now)
            for one in day.stretches
        ],
    )


def _duty(session: Session, program: Program, now: datetime) -> Table:
    """The weekly duty, and who is on duty at all hours by the plain switch."""
    rota = get_rota(session, program)
    shifts = [
        (
            one.person.name,
            one.person.role.value,
            WEEKDAYS[one.weekday],
            f"{one.begins_at:%H:%M}",
            f"{one.ends_at:%H:%M}",
        )
        for one in rota.shifts
        if one.person_id in rota.people
    ]
    switched = [
        (one.name, one.role.value, "at all hours", None, None)
        for one in rota.people.values()
        if one.on_duty
    ]
    return Table("Weekly duty", ("name", "role", "day", "begins", "ends"), [*shifts, *switched])


def _overrides(session: Session, program: Program, now: datetime) -> Table:
    zone = ZoneInfo(program.timezone)
    return Table(
        "What differs",
        ("name", "duty", "begins", "ends"),
        [
            (
                one.person.name,
                "on" if one.on_duty else "off",
                one.begins_at.astimezone(zone),
                one.ends_at.astimezone(zone),
            )
            for one in overrides_ahead(session, program, now=now)
        ],
    )


def _absences(session: Session, program: Program, now: datetime) -> Table:
    """Without an end, somebody is away until they text ON."""
    zone = ZoneInfo(program.timezone)
    return Table(
        "Away this week",
        ("name", "begins", "ends"),
        [
            (
                person.name,
                one.begins_at.astimezone(zone),
                one.ends_at.astimezone(zone) if one.ends_at else None,
            )
            for person, one in absences_ahead(session, program, now=now)
        ],
    )


def _names(people: Iterable[Person]) -> str | None:
    return ", ".join(person.name for person in people) or None


ROTA_TABLES: Mapping[str, Callable[[Session, Program, datetime], Table]] = {
    "week": _week,
    "duty": _duty,
    "overrides": _overrides,
    "absences": _absences,
}
