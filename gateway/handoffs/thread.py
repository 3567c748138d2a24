"""The part of a conversation that a handoff's reader may read."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.conversations.relay import what_may_be_read
from gateway.safeguarding.concern_by_text import is_for_managers_only
from models import Handoff, Message


def readable_thread(
    session: Session, handoff: Handoff, *, newest: int | None = None
) -> Sequence[Message]:
    """The `newest` messages up to the closing of the handoff, oldest first.

    If the mentee shares only a summary, they start with the request for a person. A concern that is
    for managers is never among them.
    """
    said = (
        select(Message)
        .where(Message.conversation_id == handoff.conversation_id)
        .order_by(Message.id.desc())
        .limit(newest)
    )
    if handoff.closed_at is not None:
        said = said.where(Message.at <= handoff.closed_at)
    first = what_may_be_read(session, handoff, handoff.conversation.person)
    if first is not None:
        said = said.where(Message.id >= first)
    found = session.scalars(said).all()[::-1]
    return [message for message in found if not is_for_managers_only(message)]
