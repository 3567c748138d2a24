"""A lease, so that one worker at a time handles a conversation. A dead worker's lease expires."""

from datetime import datetime, timedelta

from sqlalchemy import Update, or_, select, update
from sqlalchemy.orm import Session

from gateway.runtime.line import Line
from models import Conversation, Message, changes_one

# Longer than any message takes: Rasa's time limit twice, and a busy database.
LEASE_LASTS = timedelta(seconds=20)
UNHANDLED = (
    select(Message.id)
    .where(Message.conversation_id == Conversation.id, Message.handled_at.is_(None))
    .correlate(Conversation)
    .exists()
)


def acquire_lease(line: Line, conversation_id: int, worker: str) -> bool:
    """Take or renew the lease; False when another worker has it."""
    with line.database.writing() as session:
        return changes_one(session, _take(conversation_id, worker, now=line.clock()))


def acquire_lease_on_unhandled(line: Line, conversation_id: int, worker: str) -> bool:
    """Take or renew the lease if a text waits in the conversation."""
    take = _take(conversation_id, worker, now=line.clock()).where(UNHANDLED)
    with line.database.writing() as session:
        return changes_one(session, take)


def release_lease(line: Line, conversation_id: int, worker: str) -> None:
    with line.database.writing() as session:
        session.execute(_release(conversation_id, worker))


def release_lease_if_done(session: Session, conversation_id: int, worker: str) -> bool:
    """Release the lease, in a transaction that has locked the conversation.

    False if another text waits in it, or another worker has the lease.
    """
    return changes_one(session, _release(conversation_id, worker).where(~UNHANDLED))


def _take(conversation_id: int, worker: str, *, now: datetime) -> Update:
    return (
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            or_(
                Conversation.held_by.is_(None),
                Conversation.held_by == worker,
                Conversation.held_until < now,
            ),
        )
        .values(held_by=worker, held_until=now + LEASE_LASTS)
        .execution_options(synchronize_session=False)
    )


def _release(conversation_id: int, worker: str) -> Update:
    return (
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.held_by == worker)
        .values(held_by=None, held_until=None)
        .execution_options(synchronize_session=False)
    )
