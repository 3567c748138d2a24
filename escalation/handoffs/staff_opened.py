"""A handoff that a mentor starts by writing first. Nobody is paged: its mentor holds it at once.

The caller locks the conversation, as for every move (handoffs.py).
"""

from escalation.handoffs.moves import log_move
from escalation.transaction import Transaction
from models import Conversation, Handoff, Move, Need, Person, Status, Urgency


def start_conversation(tx: Transaction, conversation: Conversation, mentor: Person) -> Handoff:
    """Open a handoff that `mentor` holds, and tell the mentee who writes and how to end it.

    The mentor's words must follow in the same transaction: no timer waits for them.

    Raises:
        IntegrityError: the conversation already has an open handoff.
    """
    handoff = Handoff(
        conversation=conversation,
        need=Need.MENTOR,
        urgency=Urgency.ROUTINE,
        status=Status.CLAIMED,
        mentor=mentor,
        opened_at=tx.now,
        claimed_at=tx.now,
    )
    tx.session.add(handoff)
    tx.session.flush()
    detail = {"need": handoff.need.value, "urgency": handoff.urgency.name.lower()}
    log_move(tx, handoff, Move.OPEN, by=mentor, **detail)
    log_move(tx, handoff, Move.CLAIM, by=mentor)
    conversation.skill, conversation.forget_bot = None, True
    tx.say_in(conversation, "mentor_writes", mentor=mentor.name)
    return handoff
