"""Mentors' notes, canned replies, transfers, absences, snoozes, and debriefs."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime, partial_index
from models.encryption.ownership import Encrypted, key_column
from models.people import Person


class Note(Base):
    """A private note on a handoff, for the mentor who holds it and for managers."""

    __tablename__ = "note"
    owned_by = ("handoff_id",)

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    words: Mapped[str] = mapped_column(Encrypted)

    by: Mapped[Person] = relationship(lazy="joined")


class CannedReply(Base):
    """A draft that the mentors of a program can start from and edit."""

    __tablename__ = "canned_reply"

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    title: Mapped[str] = mapped_column(sa.String(60))
    words: Mapped[str] = mapped_column(sa.Text)
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Transfer(Base):
    """An offer of a claimed handoff to a colleague. The mentor holds it until they accept."""

    __tablename__ = "transfer"
    owned_by = ("handoff_id",)
    __table_args__ = (
        sa.CheckConstraint("from_id <> to_id", name="to_someone_else"),
        sa.CheckConstraint("(accepted IS NULL) = (answered_at IS NULL)", name="answered_once"),
        partial_index("one_open_transfer", "handoff_id", where="answered_at IS NULL", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"))
    from_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    to_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(Encrypted)
    accepted: Mapped[bool | None]
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    from_: Mapped[Person] = relationship(foreign_keys=from_id, lazy="joined")
    to: Mapped[Person] = relationship(foreign_keys=to_id, lazy="joined")


class Presence(Base):
    """When a person last had a handoff open in the console."""

    __tablename__ = "presence"
    __table_args__ = (sa.UniqueConstraint("person_id", "handoff_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Absence(Base):
    """A time in which we page a mentor only for a crisis that no one else can claim.

    Without `ends_at` it lasts until they text ON.
    """

    __tablename__ = "absence"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))


class Snooze(Base):
    """A mentor's LATER: we do not page them again for this waiting handoff before `until`."""

    __tablename__ = "snooze"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class Debrief(Base):
    """A mentor's debrief after a crisis. Managers see that it is open, and not what it says."""

    __tablename__ = "debrief"
    # It is about the mentor and the mentee, and goes when either is erased.
    has_own_key = True

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), unique=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key_id: Mapped[str] = key_column()
    words: Mapped[str | None] = mapped_column(Encrypted)
    wants_to_talk: Mapped[bool | None]
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
