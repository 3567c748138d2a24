"""Safeguarding records, apart from handoffs so that few people can read them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime, enum_column
from models.encryption.ownership import Encrypted, key_column
from models.people import Person


class Concern(StrEnum):
    MENTOR = "mentor"  # a mentee is uncomfortable with a mentor
    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    NEGLECT = "neglect"
    EXPLOITATION = "exploitation"
    VIOLENCE = "violence"
    EATING = "eating"
    OTHER = "other"


class SafeguardingRecord(Base):
    """It has a key of its own, because it stays when its mentee's data is erased."""

    __tablename__ = "safeguarding_record"
    has_own_key = True
    __table_args__ = (
        sa.CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name="closed_has_outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    key_id: Mapped[str] = key_column()
    mentee_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    mentor_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="The mentor it is about, if any"
    )
    handoff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"))
    concern: Mapped[Concern] = mapped_column(enum_column(Concern))
    words: Mapped[str] = mapped_column(Encrypted)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(Encrypted)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    overdue_alerted_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When we texted its owner or the managers"
    )
    overdue_alerted_again_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    mentee: Mapped[Person] = relationship(foreign_keys=mentee_id, lazy="joined")
    mentor: Mapped[Person | None] = relationship(foreign_keys=mentor_id, lazy="joined")
    owner: Mapped[Person | None] = relationship(foreign_keys=owner_id, lazy="joined")
