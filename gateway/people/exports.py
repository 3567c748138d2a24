"""The list of people and the rota as tables for a spreadsheet."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from escalation.handoffs.duty import get_rota
from gateway.people.directory import Listed
from gateway.people.rota import WEEKDAYS, overrides_ahead
from gateway.people.week_ahead import absences_ahead, week_ahead
from gateway.runtime.labels import masked
from gateway.runtime.spreadsheets import Cell, Table
from models import Person, Program, Role

R = TypeVar("R")


def _table(name: str, columns: Mapping[str, Callable[[R], Cell]], rows: Iterable[R]) -> Table:
    return Table(name, list(columns), [[cell(row) for cell in columns.values()] for row in rows])


def people_table(listed: Iterable[Listed], zone: str) -> Table:
    """The list of people, with only the last digits of their numbers."""
    there = ZoneInfo(zone)

    def day(at: datetime | None) -> str | None:
        return f"{at.astimezone(there):%Y-%m-%d}" if at else None

    columns: dict[str, Callable[[Listed], Cell]] = {
        "role": lambda one: one.person.role.value,
        "name": lambda one: one.person.name,
        "number": lambda one: masked(one.person.phone) if one.person.phone else None,
        "timezone": lambda one: one.person.timezone,
        "own_mentor": lambda one: one.own,
        "back_ups": lambda one: ", ".join(one.back_ups) or None,
        "mentees": lambda one: None if one.person.role is Role.MENTEE else one.mentees,
        "on_duty_now": lambda one: _yes(one.on_duty),
        "last_wrote": lambda one: day(one.wrote_at),
        "last_heard_from_a_person": lambda one: day(one.heard_at),
        "inactive": lambda one: _yes(one.silent),
        "away": lambda one: _yes(one.away is not None),
        "away_until": lambda one: _local(one.away.ends_at if one.away else None, there),
        "cannot_be_texted": lambda one: one.trouble,
        "enrolled": lambda one: day(one.person.enrolled_at),
        "left": lambda one: day(one.person.left_at),
    }
    return _table("People", columns, listed)


def _week(session: Session, program: Program, now: datetime) -> Table:
    zone = ZoneInfo(program.timezone)
    return Table(
        "The week ahead",
        ("begins", "ends", "on_duty", "on_duty_but_unavailable", "gap", "holiday"),
        [
            (
                one.begins_at.astimezone(zone),
                one.ends_at.astimezone(zone),
                _names(one.people),
                "; ".join(f"{person.name} {why}" for person, why in one.cannot) or None,
                _yes(one.is_gap),
                day.holiday,
            )
            for day in week_ahead(session, program, now=now)
            for one in day.stretches
        ],
    )


def _duty(session: Session, program: Program, now: datetime) -> Table:
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
    always = [
        (one.name, one.role.value, "at all hours", None, None)
        for one in rota.people.values()
        if one.on_duty
    ]
    return Table("Weekly duty", ("name", "role", "day", "begins", "ends"), [*shifts, *always])


def _overrides(session: Session, program: Program, now: datetime) -> Table:
    zone = ZoneInfo(program.timezone)
    return _table(
        "Exceptions",
        {
            "name": lambda one: one.person.name,
            "duty": lambda one: "on" if one.on_duty else "off",
            "begins": lambda one: one.begins_at.astimezone(zone),
            "ends": lambda one: one.ends_at.astimezone(zone),
        },
        overrides_ahead(session, program, now=now),
    )


def _absences(session: Session, program: Program, now: datetime) -> Table:
    """Without an end, a person is away until they text ON."""
    zone = ZoneInfo(program.timezone)
    return Table(
        "Away this week",
        ("name", "begins", "ends"),
        [
            (person.name, one.begins_at.astimezone(zone), _local(one.ends_at, zone))
            for person, one in absences_ahead(session, program, now=now)
        ],
    )


def _names(people: Iterable[Person]) -> str | None:
    return ", ".join(person.name for person in people) or None


def _yes(is_so: bool) -> str | None:
    return "yes" if is_so else None


def _local(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    return at.astimezone(zone) if at else None


ROTA_TABLES: Mapping[str, Callable[[Session, Program, datetime], Table]] = {
    "week": _week,
    "duty": _duty,
    "overrides": _overrides,
    "absences": _absences,
}
