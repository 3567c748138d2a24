"""What a mentee practiced, how it went, and what they set out to do."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Encrypted, UtcDateTime, enum_column, partial_index

STILL_GOING = "ended_at IS NULL"


class SkillOutcome(StrEnum):
    DONE = "done"
    LEFT = "left"


class GoalResult(StrEnum):
    """How a goal went, in the mentee's own judgment."""

    DONE = "done"
    PARTLY = "partly"
    NOT_YET = "not_yet"


class SkillUse(Base):
    """One skill, from its first question until it was finished or left.

    `before` and `after` rate the same thing from 0 to 10, each skill its own (tension, worry,
    mood); null where the mentee gave no number.
    """

    __tablename__ = "skill_use"
    __table_args__ = (
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
        sa.CheckConstraint("before BETWEEN 0 AND 10", name="before_is_0_to_10"),
        sa.CheckConstraint("after BETWEEN 0 AND 10", name="after_is_0_to_10"),
        partial_index("one_skill_at_a_time", "conversation_id", where=STILL_GOING, unique=True),
        sa.Index("skill_use_of_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"))
    skill: Mapped[str] = mapped_column(sa.String(40))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[SkillOutcome | None] = mapped_column(enum_column(SkillOutcome))
    before: Mapped[int | None]
    after: Mapped[int | None]
    message_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("message.id"), comment="The mentee's message that ended it"
    )


class Goal(Base):
    """What a mentee set out to do, in their words; a later check-in asks how it went."""

    __tablename__ = "goal"
    __table_args__ = (
        sa.CheckConstraint("result IS NULL OR followed_up_at IS NOT NULL", name="result_has_time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    words: Mapped[str] = mapped_column(Encrypted)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    followed_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[GoalResult | None] = mapped_column(enum_column(GoalResult))
