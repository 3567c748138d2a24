"""How much of a thread the mentor may read: all of it, or a part, as the mentee chose."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Handoff, Message, Person, Urgency


def what_may_be_read(session: Session, handoff: Handoff, person: Person | None) -> int | None:
    """The id of the first message that the mentor may read; None for the whole thread.

    `person` is the mentee. A mentee who shares only a summary shares the thread from the message
    on that asked for a person. In a crisis the mentor reads everything; the mentee's page says so.
    """
    if person is None or person.shares_whole or handoff.urgency is Urgency.CRISIS:
        return None
    if handoff.opened_by_message_id is not None:
        return handoff.opened_by_message_id
    # Opened without a message: with a button, or by staff.
    newest_before = session.scalar(
        select(func.max(Message.id)).where(
            Message.conversation_id == handoff.conversation_id, Message.at < handoff.opened_at
        )
    )
    return (newest_before or 0) + 1
