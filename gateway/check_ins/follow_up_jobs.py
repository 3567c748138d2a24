"""Asking the mentee how a handoff went, a while after its end."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import is_quiet, out_of_quiet_hours
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation
from escalation.handoffs.jobs import AskFollowUp, Work, enqueue
from escalation.transaction import Transaction
from gateway.check_ins.asking import is_in_exercise
from gateway.check_ins.follow_ups import Question, get_open_follow_up, who_came
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import (
    Channel,
    Conversation,
    FollowUp,
    Handoff,
    Message,
    Need,
    Outcome,
    Program,
    Status,
)

# For a mentee whom we cannot ask now.
TRY_AGAIN = timedelta(minutes=5)


def ask_follow_up(line: Line, job: AskFollowUp) -> None:
    with acting(line) as session:
        handoff = session.get_one(Handoff, job.handoff_id)
        tx = line.of(session, handoff.conversation.program_id).at(session)
        conversation = lock_conversation(session, handoff.conversation_id)
        if not _list_unasked(tx, Handoff.id == handoff.id, now=tx.now):
            return
        who = who_came(session, handoff)
        if who is None or not _may_ask(tx, conversation):
            zone = ZoneInfo(conversation.person.timezone if conversation.person else "UTC")
            again_at = out_of_quiet_hours(tx.now + TRY_AGAIN, zone, tx.policy.schedule)
            enqueue(session, job, at=again_at)
            return
        session.add(FollowUp(handoff_id=handoff.id, asked_at=tx.now))
        tx.say_in(conversation, Question.REACHED.line, mentor=who.name)


def follow_ups_to_ask(line: Line, session: Session, before: datetime) -> list[Work]:
    found: list[Work] = []
    for program_id in session.scalars(select(Program.id)).all():
        tx = line.of(session, program_id).at(session)
        found += _list_unasked(tx, Conversation.program_id == program_id, now=before)
    return found


def _list_unasked(
    tx: Transaction, which: ColumnElement[bool], *, now: datetime
) -> list[AskFollowUp]:
    """Handoffs that ended a while ago, but not too long, without a follow-up."""
    policy = tx.policy.follow_up
    closed = (
        select(Handoff.id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            which,
            Handoff.status == Status.RESOLVED,
            # The questions are about help that the mentee waited for.
            Handoff.need != Need.MENTOR,
            Handoff.closed_at <= now - timedelta(minutes=policy.after_minutes),
            Handoff.closed_at > now - timedelta(hours=policy.too_late_after_hours),
            # If a mentor closed it without a word because it was not needed, we ask nothing.
            or_(Handoff.outcome != Outcome.NOTNEEDED, Handoff.first_reply_at.is_not(None)),
            ~exists().where(FollowUp.handoff_id == Handoff.id),
        )
        .order_by(Handoff.closed_at)
    )
    return [AskFollowUp(handoff_id) for handoff_id in tx.session.scalars(closed)]


def _may_ask(tx: Transaction, conversation: Conversation) -> bool:
    person, session = conversation.person, tx.session
    if person is None or person.left_at is not None:
        return False
    if conversation.channel is not Channel.WEB and not person.can_be_texted:
        return False
    unhandled = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.outgoing.is_(False),
        Message.handled_at.is_(None),
    )
    return not (
        is_quiet(tx.now, ZoneInfo(person.timezone), tx.policy.schedule)
        or get_open_handoff(session, conversation)
        or get_open_follow_up(session, conversation, tx.policy.follow_up, now=tx.now)
        or session.scalar(unhandled.limit(1))
        or is_in_exercise(tx, conversation)
    )
