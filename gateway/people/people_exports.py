"""The list of people as a table for a spreadsheet."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.people.directory import Listed
from gateway.runtime.labels import masked
from gateway.runtime.spreadsheets import Table
from models import Role


def people_table(listed: Iterable[Listed], zone: str) -> Table:
    """The list as it is shown: numbers by their last digits only."""
    there = ZoneInfo(zone)

    def day(at: datetime | None) -> str | None:
        return f"{at.astimezone(there):%Y-%m-%d}" if at else None

    headings = (
        "role",
        "name",
        "number",
        "timezone",
        "own_mentor",
        "back_ups",
        "mentees",
        "on_duty_now",
        "wrote_last",
        "heard_last_from_a_person",
        "silent",
        "away",
        "away_until",
        "cannot_be_texted",
        "enrolled",
        "left",
    )
    return Table(
        "People",
        headings,
        [
            (
                one.person.role.value,
                one.person.name,
                masked(one.person.phone) if one.person.phone else None,
                one.person.timezone,
                one.own,
                ", ".join(one.back_ups) or None,
                None if one.person.role is Role.MENTEE else one.mentees,
                "yes" if one.on_duty else None,
                day(one.wrote_at),
                day(one.heard_at),
                "yes" if one.silent else None,
                "yes" if one.away else None,
                one.away.ends_at.astimezone(there) if one.away and one.away.ends_at else None,
                one.trouble,
                day(one.person.enrolled_at),
                day(one.person.left_at),
            )
            for one in listed
        ],
    )
