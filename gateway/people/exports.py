"""The list of people and the rota as tables for a spreadsheet."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from gateway.people.directory import Listed
from gateway.people.rota import WEEKDAYS, overrides_ahead
from gateway.people.week_ahead import absences_ahead, week_ahead
from gateway.runtime.labels import masked
from gateway.runtime.spreadsheets import Table, make_table
from models import Program, Role


def people_table(listed: Iterable[Listed], zone: str) -> Table:
    """The list of people, with only the last digits of their numbers."""

    def day(at: datetime | None) -> str | None:
        return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}" if at else None

    columns: dict[str, Callable[[Listed], object]] = {
        "role": lambda one: one.person.role.value,
        "name": lambda one: one.person.name,
        "number": lambda one: masked(one.person.phone) if one.person.phone else None,
        "timezone": lambda one: one.person.timezone,
        "own_mentor": lambda one: one.own,
        "back_ups": lambda one: ", ".join(one.back_ups) or None,
        "mentees": lambda one: None if one.person.role is Role.MENTEE else one.mentees,
        "on_duty_now": lambda one: one.on_duty,
        "last_wrote": lambda one: day(one.wrote_at),
        "last_heard_from_a_person": lambda one: day(one.heard_at),
        "inactive": lambda one: one.silent,
        "away": lambda one: one.away is not None,
        "away_until": lambda one: one.away.ends_at if one.away else None,
        "cannot_be_texted": lambda one: one.trouble,
        "enrolled": lambda one: day(one.person.enrolled_at),
        "left": lambda one: day(one.person.left_at),
    }
    return make_table("People", columns, listed, zone)


def _week(session: Session, program: Program, now: datetime) -> Table:
    week = week_ahead(session, program, now=now)
    return make_table(
        "The week ahead",
        {
            "begins": lambda one: one[1].begins_at,
            "ends": lambda one: one[1].ends_at,
            "on_duty": lambda one: ", ".join(person.name for person in one[1].people) or None,
            "on_duty_but_unavailable": lambda one: (
                "; ".join(f"{person.name} {why}" for person, why in one[1].cannot) or None
            ),
            "gap": lambda one: one[1].is_gap,
            "holiday": lambda one: one[0].holiday,
        },
        [(day, stretch) for day in week for stretch in day.stretches],
        program.timezone,
    )


def _duty(session: Session, program: Program, now: datetime) -> Table:
    rota = get_rota(session, program)
    shifts = [
        (one.person, WEEKDAYS[one.weekday], f"{one.begins_at:%H:%M}", f"{one.ends_at:%H:%M}")
        for one in rota.shifts
        if one.person_id in rota.people
    ]
    always = [(one, "at all hours", None, None) for one in rota.people.values() if one.on_duty]
    return make_table(
        "Weekly duty",
        {
            "name": lambda one: one[0].name,
            "role": lambda one: one[0].role.value,
            "day": lambda one: one[1],
            "begins": lambda one: one[2],
            "ends": lambda one: one[3],
        },
        [*shifts, *always],
        program.timezone,
    )


def _overrides(session: Session, program: Program, now: datetime) -> Table:
    return make_table(
        "Exceptions",
        {
            "name": lambda one: one.person.name,
            "duty": lambda one: "on" if one.on_duty else "off",
            "begins": lambda one: one.begins_at,
            "ends": lambda one: one.ends_at,
        },
        overrides_ahead(session, program, now=now),
        program.timezone,
    )


def _absences(session: Session, program: Program, now: datetime) -> Table:
    """Without an end, a person is away until they text ON."""
    return make_table(
        "Away this week",
        {
            "name": lambda one: one[0].name,
            "begins": lambda one: one[1].begins_at,
            "ends": lambda one: one[1].ends_at,
        },
        absences_ahead(session, program, now=now),
        program.timezone,
    )


ROTA_TABLES: Mapping[str, Callable[[Session, Program, datetime], Table]] = {
    "week": _week,
    "duty": _duty,
    "overrides": _overrides,
    "absences": _absences,
}
