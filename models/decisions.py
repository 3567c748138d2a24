"""Each decision about a message, and the verdicts of mentors and managers on it."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Json, JsonDict, UtcDateTime, enum_column
from models.encryption.ownership import Encrypted, EncryptedJson
from models.handoffs import Owner
from models.people import Person


class DecisionRecord(Base):
    """What we decided about one message, with all inputs, so that we can replay the decision."""

    __tablename__ = "decision_record"
    owned_by = ("message_id",)

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), unique=True)
    handoff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner: Mapped[Owner] = mapped_column(enum_column(Owner))
    crisis: Mapped[float] = mapped_column(EncryptedJson(0.0))
    connection: Mapped[float] = mapped_column(EncryptedJson(0.0))
    tools: Mapped[float] = mapped_column(EncryptedJson(0.0))
    asked_for_person: Mapped[bool]
    bot: Mapped[str] = mapped_column(
        sa.String(24), comment="answered, not_understood, away, or not_asked"
    )
    evidence: Mapped[str] = mapped_column(Encrypted("[]"), comment="JSON: spans of the message")
    version: Mapped[str] = mapped_column(sa.String(80), comment="Rules and model")
    thresholds: Mapped[JsonDict] = mapped_column(Json)
    seen: Mapped[JsonDict | None] = mapped_column(
        EncryptedJson, comment="The inputs besides the scores"
    )
    quadrant: Mapped[str | None] = mapped_column(
        sa.String(12), comment="neither, tools, connection, or both"
    )
    counterfactual: Mapped[JsonDict | None] = mapped_column(
        EncryptedJson, comment="The smallest score change that would have changed the decision"
    )
    decision: Mapped[str] = mapped_column(sa.String(24))
    why: Mapped[str] = mapped_column(Encrypted, comment="The policy rule that decided")
    dropped: Mapped[int] = mapped_column(
        default=0, comment="Bot messages not sent because a person answers"
    )


class Verdict(StrEnum):
    """Whether we handed over rightly, needlessly, or too late.

    About a week without a handoff: no one was needed, or someone should have come.
    """

    RIGHT = "right"
    SHOULD_NOT = "should_not"
    SHOULD_EARLIER = "should_earlier"


class VerdictRecord(Base):
    """One person's verdict on a handoff, or on a week of a conversation without a handoff.

    Only a person's latest verdict on the same handoff or week counts. We keep the earlier ones.
    """

    __tablename__ = "verdict"
    owned_by = ("conversation_id",)
    __table_args__ = (
        sa.CheckConstraint("(handoff_id IS NULL) <> (message_id IS NULL)", name="handoff_or_week"),
        # Without a handoff, no one can have come needlessly.
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
