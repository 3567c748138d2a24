"""Handling recorded messages in order, with one worker for each conversation.

When a worker dies, its lease on the conversation expires. The message is still unhandled, so
another worker takes it.
"""

import uuid

from sqlalchemy import select

from escalation.handoffs.handoffs import lock_conversation
from gateway.conversations.lease import acquire_lease, release_lease
from gateway.conversations.turn import Turn
from gateway.messaging.outbox import acting
from gateway.pipeline.mentee.act import act_on_mentee_text
from gateway.pipeline.mentee.context import read_context
from gateway.pipeline.mentee.understand import understand
from gateway.pipeline.mentor.commands import act_on_mentor_text
from gateway.runtime.line import Line
from models import Conversation, Message, Speaker


def take_turns(line: Line, conversation_id: int) -> None:
    """Handle a conversation's unhandled messages, unless another worker is doing so.

    It looks once more after releasing the lease: a message recorded just before that found the
    lease taken and was left to us.
    """
    worker = uuid.uuid4().hex
    while _next_unhandled(line, conversation_id) and acquire_lease(line, conversation_id, worker):
        try:
            while message_id := _next_unhandled(line, conversation_id):
                handle(line, message_id)
                if not acquire_lease(line, conversation_id, worker):
                    break
        finally:
            release_lease(line, conversation_id, worker)


def handle(line: Line, message_id: int) -> None:
    """Understand one recorded message, then act on it and mark it handled in one commit.

    Nothing happens if it was handled already.
    """
    with line.database.reading() as session:
        message = session.get_one(Message, message_id)
        conversation = session.get_one(Conversation, message.conversation_id)
        line = line.of(session, conversation.program_id)
        from_mentee = message.speaker in (Speaker.MENTEE, Speaker.UNKNOWN)
        turn = Turn(session, line.rules, line.clock(), line, conversation, message)
        context = read_context(turn) if from_mentee else None
    understood = understand(line, context) if context else None

    with acting(line) as session:
        conversation = lock_conversation(session, message.conversation_id)
        message = session.get_one(Message, message_id)
        if message.handled_at is not None:
            return
        turn = Turn(session, line.rules, line.clock(), line, conversation, message)
        message.handled_at = message.moved_at = turn.now
        if understood is not None:
            act_on_mentee_text(turn, understood)
        else:
            act_on_mentor_text(turn)


def _next_unhandled(line: Line, conversation_id: int) -> int | None:
    unhandled = (
        select(Message.id)
        .where(Message.conversation_id == conversation_id, Message.handled_at.is_(None))
        .order_by(Message.id)
        .limit(1)
    )
    with line.database.reading() as session:
        return session.scalar(unhandled)
