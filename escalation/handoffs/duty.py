"""Who is on duty: the weekly rota, what differs from it, and the plain switch.

A shift is a stretch of the program's wall clock. Whether a moment lies in it is read from that
clock, so a shift from 22:00 to 6:00 lasts seven or nine hours in the nights on which it changes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import DutyOverride, DutyShift, Person, Program, Role

DAY = timedelta(days=1)


def covers(shift: DutyShift, local: datetime) -> bool:
    """Whether `local`, in the program's zone, lies in the shift, whose end is not in it."""
    clock = local.replace(tzinfo=None)
    if shift.begins_at < shift.ends_at:
        return clock.weekday() == shift.weekday and shift.begins_at <= clock.time() < shift.ends_at
    if clock.weekday() == shift.weekday:
        return clock.time() >= shift.begins_at
    return (clock - DAY).weekday() == shift.weekday and clock.time() < shift.ends_at


@dataclass(frozen=True)
class Rota:
    """All that says who is on duty in one program, as it stands now.

    `people` are its mentors and managers, by their number. `overrides` are in the order in which
    they were written: of two that hold at one moment, the later one counts.
    """

    timezone: str
    people: dict[int, Person]
    shifts: tuple[DutyShift, ...]
    overrides: tuple[DutyOverride, ...]

    def on_duty(self, at: datetime) -> list[Person]:
        """Everybody on duty at a moment, whether or not they can be texted or are away."""
        local = at.astimezone(ZoneInfo(self.timezone))
        on = {person.id for person in self.people.values() if person.on_duty}
        on |= {shift.person_id for shift in self.shifts if covers(shift, local)}
        for override in self.overrides:
            if override.begins_at <= at < override.ends_at:
                (on.add if override.on_duty else on.discard)(override.person_id)
        return [self.people[one] for one in sorted(on) if one in self.people]


def get_rota(session: Session, program: Program) -> Rota:
    """The program's rota. Whoever left has no place in it."""
    people = session.scalars(
        select(Person).where(
            Person.program_id == program.id,
            Person.role != Role.MENTEE,
            Person.left_at.is_(None),
        )
    ).all()
    shifts = session.scalars(
        select(DutyShift)
        .join(Person, Person.id == DutyShift.person_id)
        .where(Person.program_id == program.id)
        .order_by(DutyShift.weekday, DutyShift.begins_at, DutyShift.id)
    ).all()
    overrides = session.scalars(
        select(DutyOverride)
        .join(Person, Person.id == DutyOverride.person_id)
        .where(Person.program_id == program.id)
        .order_by(DutyOverride.id)
    ).all()
    return Rota(
        program.timezone,
        {person.id: person for person in people},
        tuple(shifts),
        tuple(overrides),
    )


def on_duty(session: Session, program: Program, *, now: datetime) -> list[Person]:
    """Everybody on duty now, by their number."""
    return get_rota(session, program).on_duty(now)
