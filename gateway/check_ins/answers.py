"""Which scheduled check-in a mentee's answers belong to."""

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from models import Conversation, Schedule, ScheduledCheckIn

# A short scale that goes on into its long form is answered by that, too.
LONG_FORM = {"phq2": "phq9", "gad2": "gad7"}
SHORT_FORM = {long: short for short, long in LONG_FORM.items()}
# An answer may come this late.
LATEST = timedelta(days=7)


def note_answer(session: Session, conversation: Conversation, kind: str, *, now: datetime) -> None:
    """A check-in of its kind after it was asked is its answer, even after it counted as missed."""
    newer = aliased(ScheduledCheckIn)
    asked = (
        select(ScheduledCheckIn)
        .join(Schedule, Schedule.id == ScheduledCheckIn.schedule_id)
        .where(
            Schedule.person_id == conversation.person_id,
            or_(Schedule.check_in == kind, Schedule.check_in == SHORT_FORM.get(kind)),
            ScheduledCheckIn.answered_at.is_(None),
            ScheduledCheckIn.sent_at > now - LATEST,
            # Once the next one was asked, an answer is an answer to that.
            ~exists().where(
                newer.schedule_id == ScheduledCheckIn.schedule_id,
                newer.sent_at > ScheduledCheckIn.sent_at,
            ),
        )
    )
    for scheduled in session.scalars(asked):
        scheduled.answered_at = now
