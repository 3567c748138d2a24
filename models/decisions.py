"""Why Warmline did what it did with one message."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Encrypted, Json, JsonDict, UtcDateTime, enum_column
from models.handoffs import Owner


class DecisionRecord(Base):
    """The scores, the thresholds, the owner and the decision, so that it can be replayed."""

    __tablename__ = "decision_record"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), unique=True)
    handoff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("handoff.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner: Mapped[Owner] = mapped_column(enum_column(Owner))
    crisis: Mapped[float]
    connection: Mapped[float]
    tools: Mapped[float]
    asked_for_person: Mapped[bool]
    bot: Mapped[str] = mapped_column(
        sa.String(24), comment="answered, not_understood, away, or not_asked"
    )
    evidence: Mapped[str] = mapped_column(Encrypted, comment="JSON: spans of the message")
    version: Mapped[str] = mapped_column(sa.String(80), comment="Rules and model")
    thresholds: Mapped[JsonDict] = mapped_column(Json)
    seen: Mapped[JsonDict | None] = mapped_column(Json, comment="The inputs besides the scores")
    quadrant: Mapped[str | None] = mapped_column(
        sa.String(12), comment="neither, tools, connection, or both"
    )
    counterfactual: Mapped[JsonDict | None] = mapped_column(
        Json, comment="The smallest score change that would have changed the decision"
    )
    decision: Mapped[str] = mapped_column(sa.String(24))
    why: Mapped[str] = mapped_column(sa.String(200), comment="The policy rule that decided")
    dropped: Mapped[int] = mapped_column(
        default=0, comment="Bot messages not sent because a person answers"
    )
