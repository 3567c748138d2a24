"""How a mentee said they were."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Encrypted, UtcDateTime

CHECK_INS = ("mood", "phq2", "phq9", "gad2", "gad7", "who5", "ucla3", "mentor_check")


class CheckIn(Base):
    """One answered check-in, scored as its kind is scored; it is not a diagnosis.

    `mood` goes from 0 (worst) to 10 (best). A scale with too many answers missing, or left
    half-way, has no score.
    """

    __tablename__ = "check_in"
    __table_args__ = (
        sa.CheckConstraint(
            "kind <> 'mood' OR (score IS NOT NULL AND score BETWEEN 0 AND 10)",
            name="mood_is_0_to_10",
        ),
        sa.CheckConstraint("missing >= 0", name="missing_is_a_count"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    message_id: Mapped[int] = mapped_column(
        sa.ForeignKey("message.id"), unique=True, comment="The message that completed it"
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(sa.String(24))
    score: Mapped[int | None] = mapped_column(comment="Null when it cannot be scored")
    missing: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="Items without an answer"
    )
    answers: Mapped[str | None] = mapped_column(
        Encrypted, comment="JSON: the mentee's answers, item by item"
    )
    note: Mapped[str | None] = mapped_column(Encrypted)
