"""How a mentee said they were."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Encrypted, UtcDateTime


class CheckIn(Base):
    """One answered check-in. `mood` is scored 0 (worst) to 10 (best); it is not a diagnosis."""

    __tablename__ = "check_in"
    __table_args__ = (
        sa.CheckConstraint("kind <> 'mood' OR score BETWEEN 0 AND 10", name="mood_is_0_to_10"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(sa.ForeignKey("conversation.id"), index=True)
    message_id: Mapped[int] = mapped_column(
        sa.ForeignKey("message.id"), unique=True, comment="The message that completed it"
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(sa.String(24))
    score: Mapped[int]
    note: Mapped[str | None] = mapped_column(Encrypted)
