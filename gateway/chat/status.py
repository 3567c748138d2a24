"""What the chat page says about the conversation: who answers next, and the likely wait."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff, get_owner
from escalation.handoffs.hours import get_holidays, is_within_hours, next_opening
from gateway.conversations.wait_estimate import WaitEstimate, estimate_wait
from models import Conversation, Owner, Person, Urgency


@dataclass(frozen=True)
class ThreadStatus:
    """`wait` is set while the mentee waits. `opens_at` is None during opening hours."""

    owner: Owner
    mentor: str | None = None
    since: datetime | None = None
    urgency: Urgency | None = None
    wait: WaitEstimate | None = None
    opens_at: datetime | None = None


def get_thread_status(
    session: Session, person: Person, conversation: Conversation | None, *, now: datetime
) -> ThreadStatus:
    handoff = get_open_handoff(session, conversation) if conversation else None
    owner, program = get_owner(handoff), person.program
    if handoff is None:
        return ThreadStatus(owner)
    if owner is Owner.MENTOR:
        return ThreadStatus(owner, mentor=handoff.mentor.name if handoff.mentor else None)
    holidays = get_holidays(session, program)
    is_open = is_within_hours(program, now, holidays)
    return ThreadStatus(
        owner,
        since=handoff.opened_at,
        urgency=handoff.urgency,
        wait=estimate_wait(session, program, handoff.urgency, now=now, but=handoff),
        opens_at=None if is_open else next_opening(program, now, holidays),
    )
