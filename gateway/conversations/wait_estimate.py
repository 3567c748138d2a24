"""How long mentees are likely to wait for a person, from recent handoffs."""

import math
import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.runtime.sql_time import first_claim_at
from models import Conversation, Handoff, Program, Urgency

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
