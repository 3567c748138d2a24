"""Alarms to the operators: by webhook and e-mail, never by the provider that may be the trouble."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import OperatorAlarm

log = structlog.get_logger()

# The same trouble shows in many texts. An hour later it is worth another alarm.
AGAIN_AFTER = timedelta(hours=1)


def raise_alarm(session: Session, about: str, words: str, *, now: datetime) -> None:
    """Write an alarm, unless there was one `about` the same within the last hour.

    `about` is up to 60 characters. `words` name no person and no number, and say what to do.
    """
    same = select(OperatorAlarm.id).where(
        OperatorAlarm.about == about, OperatorAlarm.at > now - AGAIN_AFTER
    )
    if session.scalar(same.limit(1)) is not None:
        return
    session.add(OperatorAlarm(at=now, about=about, words=words, next_try_at=now))
    session.flush()
    log.error("operator alarm", about=about, words=words)
