"""How many handoffs each mentor holds and took."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Subquery, case, func, or_, select

from gateway.reporting.period import Scope, within
from models import Conversation, Handoff, HandoffEvent, Move, Person, Role, Status, Urgency

NAMES = "Null without the scope people:names"


@dataclass(frozen=True)
class Load:
    """What one mentor or manager holds now, and did in this period."""

    person_id: int
    name: Annotated[str | None, Field(serialization_alias="person_name", description=NAMES)]
    role: Annotated[Role, Field(exclude=True)]
    holds: int
    taken: int
    crises: int
    first_replies: int


def mentor_loads(scope: Scope) -> list[Load]:
    """All active mentors and managers, and those who left but took handoffs; busiest first."""
    in_program = Conversation.program_id == scope.program.id
    held = (
        select(Handoff.mentor_id.label("by_id"), func.count().label("holds"))
        .join(Handoff.conversation)
        .where(in_program, Handoff.status == Status.CLAIMED)
        .group_by(Handoff.mentor_id)
        .subquery()
    )
    handoff = HandoffEvent.handoff_id
    in_crisis = case((Handoff.urgency == Urgency.CRISIS, handoff))
    claimed = (
        select(
            HandoffEvent.by_id,
            # Distinct: a mentor may claim, release, and claim the same handoff again.
            func.count(handoff.distinct()).label("taken"),
            func.count(in_crisis.distinct()).label("crises"),
        )
        .join(Handoff, Handoff.id == handoff)
        .join(Handoff.conversation)
        .where(
            in_program,
            # Claimed in the period means open in it: this reads fewer moves.
            Handoff.opened_at < scope.period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= scope.period.since),
            HandoffEvent.move == Move.CLAIM,
            within(scope.period, HandoffEvent.at),
        )
        .group_by(HandoffEvent.by_id)
        .subquery()
    )
    replied = _first_replies(scope)
    holds, taken, crises, first_replies = (
        func.coalesce(count, 0)
        for count in (held.c.holds, claimed.c.taken, claimed.c.crises, replied.c.first_replies)
    )
    staff = scope.session.execute(
        select(Person.id, Person.name, Person.role, holds, taken, crises, first_replies)
        .outerjoin(held, held.c.by_id == Person.id)
        .outerjoin(claimed, claimed.c.by_id == Person.id)
        .outerjoin(replied, replied.c.by_id == Person.id)
        .where(
            Person.program_id == scope.program.id,
            Person.role != Role.MENTEE,
            or_(Person.left_at.is_(None), holds > 0, taken > 0),
        )
        .order_by(holds.desc(), taken.desc(), Person.id)
    )
    return [Load(*row) for row in staff]


def _first_replies(scope: Scope) -> Subquery:
    """By person: the handoffs that they held when the first reply was written."""
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
    return (
        select(holder.label("by_id"), func.count().label("first_replies"))
        .select_from(Handoff)
        .join(Handoff.conversation)
        .where(
            Conversation.program_id == scope.program.id,
            within(scope.period, Handoff.first_reply_at),
        )
        .group_by("by_id")
        .subquery()
    )
