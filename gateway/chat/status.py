"""What the chat page says about the conversation: who answers next, and the likely wait."""

import math
import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff, get_owner
from escalation.handoffs.hours import get_holidays, is_within_hours, next_opening
from gateway.runtime.sql_time import first_claim_at
from models import Conversation, Handoff, Owner, Person, Program, Urgency

WAITS_LOOKED_BACK = timedelta(days=28)
FEWEST_WAITS = 10


@dataclass(frozen=True)
class WaitEstimate:
    """Of `asked` handoffs in the last 28 days, mentors claimed `claimed`, half of them within
    `median`, nine of ten within `ninetieth`. Both times are None with too few claims."""

    asked: int
    claimed: int
    median: timedelta | None
    ninetieth: timedelta | None


def estimate_wait(
    session: Session, program: Program, urgency: Urgency, *, now: datetime, but: Handoff | None
) -> WaitEstimate:
    found = session.execute(
        select(Handoff.opened_at, first_claim_at())
        .join(Conversation)
        .where(
            Conversation.program_id == program.id,
            Handoff.urgency == urgency,
            Handoff.opened_at > now - WAITS_LOOKED_BACK,
            Handoff.id != (but.id if but else 0),
        )
    ).all()
    waits = sorted(claimed - opened for opened, claimed in found if claimed is not None)
    if len(waits) < FEWEST_WAITS:
        return WaitEstimate(len(found), len(waits), None, None)
    ninetieth = waits[math.ceil(0.9 * len(waits)) - 1]
    half = statistics.median(wait.total_seconds() for wait in waits)
    return WaitEstimate(len(found), len(waits), timedelta(seconds=half), ninetieth)


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
