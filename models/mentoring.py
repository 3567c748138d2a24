"""What mentors keep and agree among themselves: notes, transfers, times away, debriefs."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Encrypted, UtcDateTime, partial_index
from models.people import Person


class Note(Base):
    """A private note on a handoff. Its holder and managers read it, the mentee never does."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    words: Mapped[str] = mapped_column(Encrypted)

    by: Mapped[Person] = relationship(lazy="joined")


class CannedReply(Base):
    """A first draft that mentors of a program may start from, and then edit."""

    __tablename__ = "canned_reply"

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    title: Mapped[str] = mapped_column(sa.String(60))
    words: Mapped[str] = mapped_column(sa.Text)
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Transfer(Base):
    """An offer of a held handoff to one colleague, who accepts it or passes. Until then its
    holder holds it."""

    __tablename__ = "transfer"
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
    """When somebody last had a handoff open in the console."""

    __tablename__ = "presence"
    __table_args__ = (sa.UniqueConstraint("person_id", "handoff_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Absence(Base):
    """A time in which a mentor is not called, but for a crisis that nobody else can take.

    Without `ends_at` it lasts until they say ON.
    """

    __tablename__ = "absence"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))


class Snooze(Base):
    """A mentor's LATER on a waiting handoff: not called for it again before `until`."""

    __tablename__ = "snooze"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class Debrief(Base):
    """What a mentor is asked after a crisis, for their own sake; managers see that one is open."""

    __tablename__ = "debrief"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), unique=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    words: Mapped[str | None] = mapped_column(Encrypted)
    wants_to_talk: Mapped[bool | None]
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
