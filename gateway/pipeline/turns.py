"""Handling recorded messages in order, with one worker for each conversation.

When a worker dies, its lease on the conversation expires. The message is still unhandled, so
another worker takes it.
"""

import uuid

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from gateway.conversations.lease import (
    acquire_lease_on_unhandled,
    release_lease,
    release_lease_if_done,
)
from gateway.conversations.turn import Turn
from gateway.messaging.outbox import acting
from gateway.pipeline.mentee.act import act_on_mentee_text
from gateway.pipeline.mentee.context import read_context
from gateway.pipeline.mentee.understand import understand
from gateway.pipeline.mentor.commands import act_on_mentor_text
from gateway.runtime.line import Line
from gateway.runtime.policy_versions import newest_version_id
from models import Conversation, Goal, Message, changes_one


def take_turns(line: Line, conversation_id: int) -> None:
    """Handle a conversation's unhandled messages, unless another worker is doing so.

    The transaction that marks the last one as handled releases the lease. A message recorded after
    that finds the lease free.
    """
    worker = uuid.uuid4().hex
    while acquire_lease_on_unhandled(line, conversation_id, worker):
        try:
            is_last = handle_next(line, conversation_id, worker)
        except BaseException:
            release_lease(line, conversation_id, worker)
            raise
        if is_last:
            return


def handle_next(line: Line, conversation_id: int, worker: str) -> bool:
    """Understand the next recorded message, then act on it and mark it handled in one commit.

    The worker has the lease. True once no other message waits, and the lease is released.
    """
    with line.database.reading() as session:
        found = _read_next(line, session, conversation_id)
        context = read_context(*found) if found and found[0].from_mentee else None
    if found is None:
        release_lease(line, conversation_id, worker)
        return True
    turn, _ = found
    understood = understand(turn.line, context) if context else None

    with acting(turn.line) as session:
        conversation = lock_conversation(session, conversation_id)
        at_least = turn.policy.thresholds.crisis
        in_crisis = understood is not None and understood.signals.crisis >= at_least
        turn = turn.act_in(session, conversation, in_crisis=in_crisis)
        if _mark_handled(turn):
            if understood is not None:
                act_on_mentee_text(turn, understood)
            else:
                act_on_mentor_text(turn)
        return release_lease_if_done(session, conversation_id, worker)


def _read_next(
    line: Line, session: Session, conversation_id: int
) -> tuple[Turn, Goal | None] | None:
    """The next text, and the latest goal in its conversation. None if it was erased meanwhile."""
    goals = select(func.max(Goal.id)).where(Goal.conversation_id == Conversation.id)
    latest_goal = goals.correlate(Conversation).scalar_subquery()
    row = session.execute(
        select(Message, Conversation, newest_version_id(Conversation.program_id), Goal)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(Goal, Goal.id == latest_goal)
        .where(Message.conversation_id == conversation_id, Message.handled_at.is_(None))
        .order_by(Message.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    message, conversation, version, goal = row
    line = line.with_version(session, conversation.program_id, version)
    return Turn(session, line.rules, line.clock(), line, conversation, message), goal


def _mark_handled(turn: Turn) -> bool:
    """False if another worker handled it, or it was erased."""
    turn.session.add(turn.message)
    return changes_one(
        turn.session,
        update(Message)
        .where(Message.id == turn.message.id, Message.handled_at.is_(None))
        .values(handled_at=turn.now, moved_at=turn.now),
    )
