"""The part of a conversation that a handoff's reader may read."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.safeguarding.concern_by_text import is_for_managers_only
from models import Handoff, Message


def readable_thread(
    session: Session, handoff: Handoff, *, first: int | None, newest: int | None
) -> Sequence[Message]:
    """The `newest` messages up to the closing of the handoff, oldest first.

    They start with message `first`, as the mentee shares them (`what_may_be_read`). A concern that
    is for managers is never among them.
    """
    said = select(Message).where(
        Message.conversation_id == handoff.conversation_id, Message.id >= (first or 0)
    )
    if handoff.closed_at is not None:
        said = said.where(Message.at <= handoff.closed_at)
    found = session.scalars(said.order_by(Message.id.desc()).limit(newest)).all()[::-1]
    return [message for message in found if not is_for_managers_only(message)]
