"""What a mentee agreed to before the first use, and how they say a handoff went."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Encrypted, UtcDateTime, enum_column
from models.people import Person


class AgeBand(StrEnum):
    """An age is never asked for; the band decides whether a guardian must agree."""

    UNDER_13 = "under_13"
    FROM_13 = "13_to_15"
    FROM_16 = "16_to_17"
    ADULT = "adult"


class Consent(Base):
    """One person's yes to one version of the terms. A withdrawn one counts no more."""

    __tablename__ = "consent"
    __table_args__ = (
        sa.CheckConstraint(
            "(guardian_name IS NULL) = (guardian_agreed_at IS NULL)",
            name="guardian_has_name",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    terms: Mapped[str] = mapped_column(sa.String(20), comment="The version they agreed to")
    age_band: Mapped[AgeBand] = mapped_column(enum_column(AgeBand))
    guardian_name: Mapped[str | None] = mapped_column(Encrypted)
    guardian_agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guardian_recorded_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="The manager who recorded the agreement"
    )
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship(foreign_keys=person_id, lazy="joined")


class FollowUp(Base):
    """What a mentee is asked after a handoff: were you reached, did it help, did you feel heard.

    `led_to_id` is the new handoff that a no opened. Nothing reopens the old one.
    """

    __tablename__ = "follow_up"

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff.id"), unique=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reached: Mapped[bool | None]
    helped: Mapped[bool | None]
    heard: Mapped[bool | None]
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    led_to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"))
