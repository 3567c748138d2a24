"""The facts that a brief is built from, as they were while the handoff was open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.ladder import get_own_mentor
from escalation.policy import CheckInCutOffs
from gateway.conversations.relay import what_may_be_read
from models import CheckIn, DecisionRecord, Goal, Handoff, Message, Person, SkillUse

SKILLS_WITHIN = timedelta(days=30)
CHECK_INS_WITHIN = timedelta(days=90)
MOST_SKILLS = 5


@dataclass(frozen=True)
class Facts:
    """`decisions` opened or raised the handoff; each comes with the message's words if the reader
    may see them. `earlier` counts this mentee's earlier handoffs, `with_reader` those of them that
    the reader held.
    """

    handoff: Handoff
    name: str | None
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


def read_facts(
    session: Session, handoff: Handoff, reader: Person, *, cut_offs: CheckInCutOffs, now: datetime
) -> Facts:
    until = handoff.closed_at or now
    thread = handoff.conversation_id
    person = handoff.conversation.person
    first_readable = what_may_be_read(session, handoff, person)
    goal = session.scalar(
        select(Goal)
        .where(Goal.conversation_id == thread, Goal.set_at <= until)
        .order_by(Goal.id.desc())
        .limit(1)
    )
    earlier = select(func.count()).where(Handoff.conversation_id == thread, Handoff.id < handoff.id)
    return Facts(
        handoff=handoff,
        name=person.name if person else None,
        decisions=[
            (record, message.words if message.id >= (first_readable or 0) else None)
            for record, message in _decisions(session, handoff)
        ],
        skills=_skills(session, handoff, until),
        check_ins=_check_ins(session, handoff, until),
        goal=goal if first_readable is None else None,
        earlier=session.scalar(earlier) or 0,
        with_reader=session.scalar(earlier.where(Handoff.mentor_id == reader.id)) or 0,
        has_own_mentor=get_own_mentor(session, handoff.conversation) is not None,
        shares_whole=first_readable is None,
        cut_offs=cut_offs,
        now=now,
    )


def _decisions(session: Session, handoff: Handoff) -> list[tuple[DecisionRecord, Message]]:
    rows = session.execute(
        select(DecisionRecord, Message)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(
            DecisionRecord.handoff_id == handoff.id,
            DecisionRecord.decision.in_(["hand_off", "raise"]),
        )
        .order_by(DecisionRecord.id)
    )
    return [(record, message) for record, message in rows]


def _skills(session: Session, handoff: Handoff, until: datetime) -> Sequence[SkillUse]:
    return session.scalars(
        select(SkillUse)
        .where(
            SkillUse.conversation_id == handoff.conversation_id,
            SkillUse.started_at > handoff.opened_at - SKILLS_WITHIN,
            SkillUse.started_at <= until,
        )
        .order_by(SkillUse.id.desc())
        .limit(MOST_SKILLS)
    ).all()


def _check_ins(session: Session, handoff: Handoff, until: datetime) -> Sequence[CheckIn]:
    return session.scalars(
        select(CheckIn)
        .where(
            CheckIn.conversation_id == handoff.conversation_id,
            CheckIn.at > handoff.opened_at - CHECK_INS_WITHIN,
            CheckIn.at <= until,
        )
        .order_by(CheckIn.at, CheckIn.id)
    ).all()
