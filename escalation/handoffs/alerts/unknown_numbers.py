"""Alerts about numbers that nobody enrolled, grouped: anyone can text from many numbers, and each
alert costs a text to each person paged.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select

from escalation.handoffs.codes import MOST_LISTED, choice
from escalation.handoffs.jobs import Deliver, enqueue
from escalation.speech.message_writer import conversation_language, get_thread
from escalation.transaction import Transaction
from models import Alert, Conversation, Delivery, Handoff, Message, Person, Status


def alert_about_unknown_number(
    tx: Transaction, handoff: Handoff, person: Person, key: str
) -> Message:
    """The text that pages `person`: sent at once, or grouped with others until the policy's time
    has passed.
    """
    thread = get_thread(tx.session, tx.rules, person)
    waiting = _get_waiting(tx, thread)
    if waiting is not None:
        waiting.words = _words(tx, thread, person, [*_handoffs_in(tx, waiting), handoff])
        tx.session.flush()
        return waiting
    wait = timedelta(seconds=tx.policy.paid_texts.unknown_numbers_alert_seconds)
    last_at = _last_sent(tx, thread)
    text = tx.tell_about(handoff, person, key, whose="a mentee")
    if last_at is not None and last_at + wait > tx.now:
        text.next_try_at = last_at + wait
        tx.session.flush()
        enqueue(tx.session, Deliver(thread.id, text.id, 0), at=text.next_try_at)
    return text


def _get_waiting(tx: Transaction, thread: Conversation) -> Message | None:
    """The text that waits to be sent. A text that is being sent is locked, so we skip it."""
    return tx.session.scalar(
        select(Message)
        .where(
            Message.id.in_(_alerts_in(thread).with_only_columns(Message.id)),
            Message.delivery == Delivery.QUEUED,
            Message.tries == 0,
            Message.next_try_at > tx.now,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _last_sent(tx: Transaction, thread: Conversation) -> datetime | None:
    return tx.session.scalar(
        _alerts_in(thread)
        .where(Message.delivery != Delivery.DROPPED)
        .with_only_columns(func.coalesce(Message.sent_at, Message.at))
        .order_by(func.coalesce(Message.sent_at, Message.at).desc())
        .limit(1)
    )


def _alerts_in(thread: Conversation) -> Select[Message]:
    return (
        select(Message)
        .join(Alert, Alert.message_id == Message.id)
        .join(Handoff, Handoff.id == Alert.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Message.conversation_id == thread.id, Conversation.person_id.is_(None))
    )


def _handoffs_in(tx: Transaction, text: Message) -> list[Handoff]:
    """Those that wait, and those that were raised while a mentor held them; as many as are named,
    and one more.
    """
    was_raised = (Handoff.status == Status.CLAIMED) & (Handoff.claimed_at <= Alert.at)
    alerted = select(Alert.id).where(
        Alert.message_id == text.id,
        Alert.handoff_id == Handoff.id,
        or_(Handoff.status == Status.WAITING, was_raised),
    )
    named = select(Handoff).where(alerted.exists()).order_by(Handoff.id).limit(MOST_LISTED + 1)
    return list(tx.session.scalars(named))


def _words(tx: Transaction, thread: Conversation, person: Person, handoffs: list[Handoff]) -> str:
    return tx.rules.script.line(
        "alert_unknown_numbers",
        language=conversation_language(thread),
        **choice(tx.session, person, list(dict.fromkeys(handoffs))),
        link=f"{tx.rules.site}/console",
    )
