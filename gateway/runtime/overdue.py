"""Work that is late, as the rows say: a sign that no worker runs, or that the provider is away."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import ON_ITS_WAY, AlertStep, Delivery, Handoff, Message, Status, StepState

# What is unhandled for this long means that no worker runs: the watchdog looks every two seconds.
STALE = timedelta(seconds=60)


@dataclass(frozen=True)
class Overdue:
    """How many messages are unhandled, rungs were not paged, and texts or calls were not sent."""

    unhandled: int
    rungs: int
    texts: int
    calls: int

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def find_overdue(session: Session, *, now: datetime) -> Overdue:
    since = now - STALE
    unhandled = select(func.count(Message.id)).where(
        Message.handled_at.is_(None), Message.at < since
    )
    rungs = select(func.count(Handoff.id)).where(
        Handoff.status == Status.WAITING, Handoff.next_page_at < since
    )
    texts = select(func.count(Message.id)).where(
        ON_ITS_WAY,
        or_(
            (Message.delivery == Delivery.QUEUED)
            & (Message.moved_at < since)
            & (func.coalesce(Message.next_try_at, since - STALE) < since),
            (Message.delivery == Delivery.SENDING) & (Message.sending_at < since),
        ),
    )
    calls = select(func.count(AlertStep.id)).where(
        or_(
            (AlertStep.state == StepState.DUE) & (AlertStep.due_at < since),
            (AlertStep.state == StepState.TRYING) & (AlertStep.moved_at < since),
        )
    )
    counts = session.execute(
        select(*(each.scalar_subquery() for each in (unhandled, rungs, texts, calls)))
    ).one()
    return Overdue(*(count or 0 for count in counts))
