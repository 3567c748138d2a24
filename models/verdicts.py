"""Verdicts of mentors and managers on past decisions."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Encrypted, UtcDateTime, enum_column
from models.people import Person


class Verdict(StrEnum):
    """On a handoff: it was right, a person should not have come, or should have come earlier.

    On a week in which nobody was brought: it was right, nobody was needed; or somebody was, and
    should have come.
    """

    RIGHT = "right"
    SHOULD_NOT = "should_not"
    SHOULD_EARLIER = "should_earlier"


class VerdictRecord(Base):
    """One person's verdict, on a handoff or on a week of a conversation without one.

    A person's latest on the same thing counts; those before it are kept and count no more.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        sa.CheckConstraint("(handoff_id IS NULL) <> (message_id IS NULL)", name="handoff_or_week"),
        # Who did not come cannot have come needlessly.
        sa.CheckConstraint(
            "message_id IS NULL OR verdict <> 'should_not'", name="week_has_no_handoff"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    handoff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message.id"),
        index=True,
        comment="The mentee's last message of the reviewed week",
    )
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    verdict: Mapped[Verdict] = mapped_column(enum_column(Verdict))
    note: Mapped[str | None] = mapped_column(Encrypted)

    by: Mapped[Person] = relationship(lazy="joined")
