"""Asking the mentee how a handoff went, a while after its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import AskFollowUp, Work, enqueue
from escalation.policy import FollowUpPolicy
from escalation.speech.message_writer import say
from gateway.check_ins.follow_ups import Question, get_open_follow_up, who_came
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import (
    Channel,
    Conversation,
    FollowUp,
    Handoff,
    Message,
    Outcome,
    Program,
    Status,
)

# A mentee who cannot be asked now is looked at again after this.
TRY_AGAIN = timedelta(minutes=5)


def ask_follow_up(line: Line, job: AskFollowUp) -> None:
    now = line.clock()
    with acting(line) as session:
        handoff = session.get_one(Handoff, job.handoff_id)
        line = line.of(session, handoff.conversation.program_id)
        conversation = lock_conversation(session, handoff.conversation_id)
        policy = line.rules.policy.follow_up
        if not _unasked(session, policy, now=now, handoff_id=handoff.id):
            return
        who = who_came(session, handoff)
        if who is None or not _may_ask(session, line, conversation, now=now):
            timezone = conversation.person.timezone if conversation.person else "UTC"
            quiet = line.rules.policy.schedule
            again_at = out_of_quiet_hours(now + TRY_AGAIN, ZoneInfo(timezone), quiet)
            enqueue(session, job, at=again_at)
            return
        session.add(FollowUp(handoff_id=handoff.id, asked_at=now))
        say(session, line.rules, conversation, Question.REACHED.line, now=now, mentor=who.name)


def follow_ups_to_ask(line: Line, session: Session, before: datetime) -> list[Work]:
    found: list[Work] = []
    for program_id in session.scalars(select(Program.id)).all():
        policy = line.of(session, program_id).rules.policy.follow_up
        unasked = _unasked(session, policy, now=before, program_id=program_id)
        found += [AskFollowUp(handoff_id) for handoff_id in unasked]
    return found


def _unasked(
    session: Session,
    policy: FollowUpPolicy,
    *,
    now: datetime,
    handoff_id: int | None = None,
    program_id: int | None = None,
) -> Sequence[int]:
    """Handoffs that ended a while ago, but not too long, and were not asked about."""
    closed = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Handoff.status == Status.RESOLVED,
            Handoff.closed_at <= now - timedelta(minutes=policy.after_minutes),
            Handoff.closed_at > now - timedelta(hours=policy.too_late_after_hours),
            # A mentor closed it without a word because it was not needed: nothing to ask about.
            or_(Handoff.outcome != Outcome.NOTNEEDED, Handoff.first_reply_at.is_not(None)),
            ~exists().where(FollowUp.handoff_id == Handoff.id),
        )
        .order_by(Handoff.closed_at)
    )
    if handoff_id is not None:
        closed = closed.where(Handoff.id == handoff_id)
    if program_id is not None:
        closed = closed.where(Conversation.program_id == program_id)
    return session.scalars(closed).all()


def _may_ask(session: Session, line: Line, conversation: Conversation, *, now: datetime) -> bool:
    person = conversation.person
    if person is None or person.left_at is not None:
        return False
    if conversation.channel is not Channel.WEB and not person.can_be_texted:
        return False
    if is_quiet(now, ZoneInfo(person.timezone), line.rules.policy.schedule):
        return False
    if get_open_handoff(session, conversation) is not None:
        return False
    if get_open_follow_up(session, conversation, line.rules.policy.follow_up, now=now) is not None:
        return False
    return not _is_busy(session, line, conversation, now=now)


def _is_busy(session: Session, line: Line, conversation: Conversation, *, now: datetime) -> bool:
    """Whether the mentee is in the middle of an exercise, or of something not yet handled."""
    written = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.outgoing.is_(False)
    )
    if session.scalar(written.where(Message.handled_at.is_(None)).limit(1)) is not None:
        return True
    lasts = timedelta(minutes=line.rules.policy.schedule.exercise_lasts_minutes)
    lately = session.scalar(written.where(Message.at > now - lasts).limit(1)) is not None
    return conversation.skill is not None and lately
