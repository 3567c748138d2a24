"""Alarms to the operators of the server: what no program manager can mend."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcDateTime


class OperatorAlarm(Base):
    """One alarm. `words` name no person and repeat no message."""

    __tablename__ = "operator_alarm"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    about: Mapped[str] = mapped_column(
        sa.String(60), index=True, comment="Alarms about the same thing are not repeated at once"
    )
    words: Mapped[str] = mapped_column(sa.Text)
    sent_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When it reached the webhook or the e-mail address"
    )
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
