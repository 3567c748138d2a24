"""What a mentee shares with whoever claims a handoff: the whole thread, or a part of it."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Handoff, Message, Person, Urgency


def what_may_be_read(session: Session, handoff: Handoff, person: Person | None) -> int | None:
    """The id of the first message of the thread that may be read; None when it is all of it.

    `person` is the mentee. Who shares a summary only is read from the message on that asked for
    a person. In a crisis it is the whole, and the mentee's page says so.
    """
    if person is None or person.shares_whole or handoff.urgency is Urgency.CRISIS:
        return None
    if handoff.opened_by_message_id is not None:
        return handoff.opened_by_message_id
    # Opened without a message of theirs: by a button, or by somebody of the program.
    newest_before = session.scalar(
        select(func.max(Message.id)).where(
            Message.conversation_id == handoff.conversation_id, Message.at < handoff.opened_at
        )
    )
    return (newest_before or 0) + 1
