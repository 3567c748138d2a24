"""The facts that a brief is built from, as they were while the handoff was open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.ladder import get_own_mentor
from escalation.policy import CheckInCutOffs
from gateway.conversations.relay import what_may_be_read
from gateway.handoffs.decisions import list_decisions
from gateway.handoffs.timeline import select_around
from models import CheckIn, DecisionRecord, Goal, Handoff, Person, SkillUse

SKILLS_WITHIN = timedelta(days=30)
CHECK_INS_WITHIN = timedelta(days=90)
MOST_SKILLS = 5


@dataclass(frozen=True)
class Facts:
    """`decisions` opened or raised the handoff; each comes with the message's words if the reader
    may see them. `earlier` counts this mentee's earlier handoffs, `with_reader` those of them that
    the reader held. `also_on_phone` are other mentees who use the same phone.
    """

    handoff: Handoff
    decisions: Sequence[tuple[DecisionRecord, str | None]]
    skills: Sequence[SkillUse]
    check_ins: Sequence[CheckIn]
    goal: Goal | None
    earlier: int
    with_reader: int
    has_own_mentor: bool
    shares_whole: bool
    cut_offs: CheckInCutOffs
    now: datetime
    also_on_phone: Sequence[str] = ()


def read_facts(
    session: Session, handoff: Handoff, reader: Person, *, cut_offs: CheckInCutOffs, now: datetime
) -> Facts:
    thread = handoff.conversation_id
    first_readable = what_may_be_read(session, handoff, handoff.conversation.person)
    skills = select_around(handoff, SkillUse, SkillUse.started_at, within=SKILLS_WITHIN)
    check_ins = select_around(handoff, CheckIn, CheckIn.at, within=CHECK_INS_WITHIN)
    goals = select(Goal).where(Goal.conversation_id == thread)
    if handoff.closed_at is not None:
        goals = goals.where(Goal.set_at <= handoff.closed_at)
    earlier = select(func.count()).where(Handoff.conversation_id == thread, Handoff.id < handoff.id)
    return Facts(
        handoff=handoff,
        decisions=[
            (record, message.words if message.id >= (first_readable or 0) else None)
            for record, message in list_decisions(session, handoff)
        ],
        skills=session.scalars(skills.order_by(SkillUse.id.desc()).limit(MOST_SKILLS)).all(),
        check_ins=session.scalars(check_ins.order_by(CheckIn.at, CheckIn.id)).all(),
        goal=session.scalar(goals.order_by(Goal.id.desc()).limit(1))
        if first_readable is None
        else None,
        earlier=session.scalar(earlier) or 0,
        with_reader=session.scalar(earlier.where(Handoff.mentor_id == reader.id)) or 0,
        has_own_mentor=get_own_mentor(session, handoff.conversation) is not None,
        shares_whole=first_readable is None,
        cut_offs=cut_offs,
        now=now,
        also_on_phone=_also_on_phone(session, handoff),
    )


def _also_on_phone(session: Session, handoff: Handoff) -> list[str]:
    here = handoff.conversation.person_id
    shares = select(Person).where(
        Person.shares_phone_with_id == here, Person.left_at.is_(None), Person.id != here
    )
    return [person.name for person in session.scalars(shares.order_by(Person.id))]
