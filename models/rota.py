"""The duty rota with its exceptions and holidays, and the versions of a program's policy."""

from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime
from models.people import Person


class DutyShift(Base):
    """A weekly duty in the program's time. `weekday` 0 is Monday.

    If it ends before it starts, or at the same time, it runs overnight.
    """

    __tablename__ = "duty_shift"
    __table_args__ = (sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_is_0_to_6"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    weekday: Mapped[int]
    begins_at: Mapped[time]
    ends_at: Mapped[time]

    person: Mapped[Person] = relationship(lazy="joined")


class DutyOverride(Base):
    """On or off duty for one period. It overrides the weekly rota."""

    __tablename__ = "duty_override"
    __table_args__ = (sa.CheckConstraint("begins_at < ends_at", name="begins_before_it_ends"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    on_duty: Mapped[bool]
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))

    person: Mapped[Person] = relationship(foreign_keys=person_id, lazy="joined")


class Holiday(Base):
    """A day on which the program counts as closed all day."""

    __tablename__ = "holiday"
    __table_args__ = (sa.UniqueConstraint("program_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"))
    day: Mapped[date]
    name: Mapped[str] = mapped_column(sa.String(60))


class PolicyVersion(Base):
    """One version of a program's policy. `content` is its whole TOML text."""

    __tablename__ = "policy_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.Text)
    content: Mapped[str] = mapped_column(sa.Text)

    by: Mapped[Person] = relationship(lazy="joined")
