"""Erasing mentees some days after they asked for it."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.client import BotAway
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation, withdraw
from escalation.handoffs.jobs import Work, enqueue
from gateway.messaging.outbox import acting
from gateway.privacy.erasure import Erase, erase, erasure_due_at, why_not_erasable
from gateway.runtime.line import Line
from models import Conversation, Message

log = structlog.get_logger()

TRY_AGAIN = timedelta(hours=1)


def run_erasure(line: Line, job: Erase) -> None:
    """Erase a mentee once it is due. While something prevents it, we try again every hour."""
    conversation_id, now = job.conversation_id, line.clock()
    with line.database.writing() as session:
        conversation = session.get_one(Conversation, conversation_id)
        here = line.of(session, conversation.program_id)
        due_at = erasure_due_at(here.at(session), conversation)
        if due_at is None or conversation.person is None:
            return
        if now < due_at or not _may_erase(session, conversation):
            enqueue(session, job, at=max(due_at, now + TRY_AGAIN))
            return
    # Before anything else, and outside of any transaction: if it fails, the request remains.
    try:
        line.bot.forget(conversation_id)
    except BotAway as away:
        log.warning("bot away; erasure waits", conversation=conversation_id, reason=str(away))
        with line.database.writing() as session:
            enqueue(session, job, at=now + TRY_AGAIN)
        return
    with acting(line) as session:
        conversation = lock_conversation(session, conversation_id)
        tx, person = line.of(session, conversation.program_id).at(session), conversation.person
        # They may have written meanwhile.
        if erasure_due_at(tx, conversation) is None or person is None:
            return
        if not _may_erase(session, conversation):
            return
        handoff = get_open_handoff(session, conversation)
        if handoff is not None:
            withdraw(tx, handoff)
        erase(session, person, by=person, now=now)
    log.info("erased at the mentee's request", conversation=conversation_id)


def erasures_due(line: Line, session: Session, before: datetime) -> list[Work]:
    latest = (
        select(func.max(Message.id))
        .where(Message.script.in_(["erase_set", "erase_undone"]))
        .group_by(Message.conversation_id)
    )
    asked = select(Message.conversation_id).where(
        Message.id.in_(latest), Message.script == "erase_set"
    )
    found: list[Work] = []
    for conversation_id in session.scalars(asked.order_by(Message.id)).all():
        conversation = session.get_one(Conversation, conversation_id)
        here = line.of(session, conversation.program_id)
        due_at = erasure_due_at(here.at(session), conversation)
        if due_at is not None and due_at <= before and conversation.person is not None:
            found.append(Erase(conversation_id))
    return found


def _may_erase(session: Session, conversation: Conversation) -> bool:
    assert conversation.person is not None
    unhandled = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.handled_at.is_(None)
    )
    if session.scalar(unhandled.limit(1)) is not None:
        return False  # what they have just written may cancel it
    return why_not_erasable(session, conversation.person) is None
