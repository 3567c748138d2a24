"""How many handoffs each mentor holds and took."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session

from gateway.reporting.period import Period, within
from models import Conversation, Handoff, HandoffEvent, Move, Person, Program, Role, Status, Urgency


@dataclass(frozen=True)
class Load:
    """`holds` is now; the other counts are of the period."""

    person: Person
    holds: int
    taken: int
    crises: int
    first_replies: int


def mentor_loads(session: Session, program: Program, period: Period) -> list[Load]:
    """All active mentors and managers, and those who left but took handoffs; busiest first."""
    staff = session.scalars(
        select(Person)
        .where(Person.program_id == program.id, Person.role != Role.MENTEE)
        .order_by(Person.id)
    ).all()
    holds = _by_person(
        session,
        select(Handoff.mentor_id, func.count())
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, Handoff.status == Status.CLAIMED)
        .group_by(Handoff.mentor_id),
    )
    # Distinct: a mentor may claim, release, and claim the same handoff again.
    handoff = HandoffEvent.handoff_id
    in_crisis = case((Handoff.urgency == Urgency.CRISIS, handoff))
    claims = session.execute(
        select(HandoffEvent.by_id, func.count(handoff.distinct()), func.count(in_crisis.distinct()))
        .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            # Claimed in the period means open in it: this reads fewer moves.
            Handoff.opened_at < period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= period.since),
            HandoffEvent.move == Move.CLAIM,
            within(period, HandoffEvent.at),
        )
        .group_by(HandoffEvent.by_id)
    )
    taken = {person: (handoffs, crises) for person, handoffs, crises in claims}
    replies = _first_replies(session, program, period)
    loads = [
        Load(one, holds.get(one.id, 0), *taken.get(one.id, (0, 0)), replies.get(one.id, 0))
        for one in staff
    ]
    carried = [one for one in loads if one.person.left_at is None or one.holds or one.taken]
    return sorted(carried, key=lambda one: (-one.holds, -one.taken, one.person.id))


def _first_replies(session: Session, program: Program, period: Period) -> Mapping[int, int]:
    """By person: handoffs they held when the first reply was written."""
    holder = (
        select(HandoffEvent.by_id)
        .where(
            HandoffEvent.handoff_id == Handoff.id,
            HandoffEvent.move == Move.CLAIM,
            HandoffEvent.at <= Handoff.first_reply_at,
        )
        .order_by(HandoffEvent.id.desc())
        .limit(1)
        .correlate(Handoff)
        .scalar_subquery()
    )
    replied = (
        select(holder.label("by_id"))
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, within(period, Handoff.first_reply_at))
        .subquery()
    )
    return _by_person(session, select(replied.c.by_id, func.count()).group_by(replied.c.by_id))


def _by_person(session: Session, counts: Select[int | None, int]) -> Mapping[int, int]:
    return {row[0]: row[1] for row in session.execute(counts) if row[0] is not None}
