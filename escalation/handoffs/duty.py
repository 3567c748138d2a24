"""Who is on duty: the weekly rota, its exceptions, and each person's own switch.

A shift is in the program's local time, so 22:00 to 6:00 lasts seven or nine hours in the nights
when the clocks change.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.speech.message_writer import get_thread
from escalation.transaction import Transaction
from models import DutyOverride, DutyShift, Person, Program, Role

DAY = timedelta(days=1)


def covers(shift: DutyShift, local: datetime) -> bool:
    """Whether `local`, in the program's time zone, is in the shift. The end is exclusive."""
    clock = local.replace(tzinfo=None)
    if shift.begins_at < shift.ends_at:
        return clock.weekday() == shift.weekday and shift.begins_at <= clock.time() < shift.ends_at
    if clock.weekday() == shift.weekday:
        return clock.time() >= shift.begins_at
    return (clock - DAY).weekday() == shift.weekday and clock.time() < shift.ends_at


@dataclass(frozen=True)
class Rota:
    """A program's mentors and managers by id, shifts, and exceptions.

    `overrides` are in the order they were entered: if two overlap, the later one counts.
    """

    timezone: str
    people: dict[int, Person]
    shifts: tuple[DutyShift, ...]
    overrides: tuple[DutyOverride, ...]

    def on_duty(self, at: datetime) -> list[Person]:
        """Everyone on duty, even if we cannot text them or they are away."""
        local = at.astimezone(ZoneInfo(self.timezone))
        on = {person.id for person in self.people.values() if person.on_duty}
        on |= {shift.person_id for shift in self.shifts if covers(shift, local)}
        for override in self.overrides:
            if override.begins_at <= at < override.ends_at:
                (on.add if override.on_duty else on.discard)(override.person_id)
        return [self.people[one] for one in sorted(on) if one in self.people]


def get_rota(session: Session, program: Program) -> Rota:
    """Without people who left."""
    of_staff = (Person.program_id == program.id, Person.role != Role.MENTEE)
    shifts = session.scalars(
        select(DutyShift)
        .join(Person, Person.id == DutyShift.person_id)
        .where(*of_staff)
        .order_by(DutyShift.weekday, DutyShift.begins_at, DutyShift.id)
    )
    overrides = session.scalars(
        select(DutyOverride)
        .join(Person, Person.id == DutyOverride.person_id)
        .where(*of_staff)
        .order_by(DutyOverride.id)
    )
    people = {person.id: person for person in list_staff(session, program.id)}
    return Rota(program.timezone, people, tuple(shifts), tuple(overrides))


def on_duty(session: Session, program: Program, *, now: datetime) -> list[Person]:
    return get_rota(session, program).on_duty(now)


def list_staff(session: Session, program_id: int) -> list[Person]:
    """The program's mentors and managers, without those who left."""
    staff = select(Person).where(
        Person.program_id == program_id, Person.role != Role.MENTEE, Person.left_at.is_(None)
    )
    return list(session.scalars(staff.order_by(Person.id)))


def managers_to_text(session: Session, program_id: int, *, but: int | None = None) -> list[Person]:
    """The program's managers who can be texted, except the person with the id `but`."""
    return [
        person
        for person in list_staff(session, program_id)
        if person.role is Role.MANAGER and person.can_be_texted and person.id != but
    ]


def tell_managers(tx: Transaction, about: Person, key: str, **blanks: object) -> None:
    """Text the other managers what a colleague did, in the transaction in which they did it.

    Anyone can forge a sender's number, so a manager must notice what its owner did not do.
    """
    for manager in managers_to_text(tx.session, about.program_id, but=about.id):
        tx.tell(manager, key, who=about.name, **blanks)


def tell_managers_daily(
    tx: Transaction, program_id: int, key: str, *, link: str, but: int | None = None
) -> None:
    """Text the managers, except the person with the id `but`: at most once a day."""
    for manager in managers_to_text(tx.session, program_id, but=but):
        thread = get_thread(tx.session, tx.rules, manager)
        minutes = DAY / timedelta(minutes=1)
        tx.say_unless_said_lately(thread, key, within_minutes=minutes, link=link)
