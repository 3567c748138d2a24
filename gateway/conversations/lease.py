"""One worker to a conversation at a time, through `held_by` and `held_until` on its row.

A dead worker's hold runs out by itself.
"""

from datetime import timedelta

from sqlalchemy import or_, update

from gateway.runtime.line import Line
from models import Conversation
from models.conditional import changes_one

# Longer than any one message takes: Rasa's limit twice, and a busy database.
HOLD = timedelta(seconds=20)


def acquire_lease(line: Line, conversation_id: int, worker: str) -> bool:
    """Hold the conversation for `worker`, or renew its hold; False when another one has it."""
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
            .values(held_by=worker, held_until=now + HOLD)
        )
        return changes_one(session, take)


def release_lease(line: Line, conversation_id: int, worker: str) -> None:
    with line.database.writing() as session:
        session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.held_by == worker)
            .values(held_by=None, held_until=None)
        )
