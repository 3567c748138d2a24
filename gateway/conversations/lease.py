"""A lease, so that one worker at a time handles a conversation. A dead worker's lease expires."""

from datetime import timedelta

from sqlalchemy import or_, update

from gateway.runtime.line import Line
from models import Conversation, changes_one

# Longer than any message takes: Rasa's time limit twice, and a busy database.
LEASE_LASTS = timedelta(seconds=20)


def acquire_lease(line: Line, conversation_id: int, worker: str) -> bool:
    """Take or renew the lease; False when another worker has it."""
    now = line.clock()
    with line.database.writing() as session:
        take = (
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
        )
        return changes_one(session, take)


def release_lease(line: Line, conversation_id: int, worker: str) -> None:
    with line.database.writing() as session:
        session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.held_by == worker)
            .values(held_by=None, held_until=None)
        )
