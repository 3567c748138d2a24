"""Alerts to one person within a minute become one text: each costs, and two at once read as noise.

The first goes at once. What follows within the minute waits for its end and goes as one. A crisis
waits for no other alert, and takes along what waits. Only a crisis right behind another one joins
it for a few seconds: several mentees after one event would otherwise ring a phone five times in a
row, and the first text has called the person already. Unknown numbers wait the full minute even in
a crisis: anyone can text from many numbers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select

from escalation.handoffs.codes import MOST_LISTED, choice
from escalation.handoffs.jobs import Deliver, enqueue
from escalation.speech.message_writer import conversation_language, get_thread, note_spoken
from escalation.transaction import Transaction
from models import Alert, Conversation, Delivery, Handoff, Message, Person, Status, Urgency

DAY = timedelta(days=1)
IS_CRISIS = (Handoff.urgency == Urgency.CRISIS) & Conversation.person_id.is_not(None)
IS_UNKNOWN = Conversation.person_id.is_(None)


def alert_by_text(tx: Transaction, handoff: Handoff, person: Person, *, whose: str) -> Message:
    """The text that pages `person`: at once, or together with others."""
    thread = get_thread(tx.session, tx.rules, person)
    due = _due(tx, thread, handoff)
    waiting = _get_waiting(tx, thread)
    if waiting is None:
        key = f"alert_{handoff.urgency.name.lower()}"
        text = tx.tell_about(handoff, person, key, whose=whose)
        if due > tx.now:
            _wait(tx, text, until=due)
        return text
    waiting.words = _words(tx, thread, person, [*_handoffs_in(tx, waiting), handoff])
    if waiting.next_try_at is None or due < waiting.next_try_at:
        _wait(tx, waiting, until=due)
    tx.session.flush()
    return waiting


def _due(tx: Transaction, thread: Conversation, handoff: Handoff) -> datetime:
    if handoff.conversation.person_id is None:
        wait = timedelta(seconds=tx.policy.paid_texts.unknown_numbers_alert_seconds)
        last = _last_sent(tx, thread, IS_UNKNOWN)
    elif handoff.urgency is Urgency.CRISIS:
        wait = timedelta(seconds=tx.policy.alert.crises_together_seconds)
        last = _last_sent(tx, thread, IS_CRISIS)
    else:
        wait = timedelta(seconds=tx.policy.alert.together_seconds)
        last = _last_sent(tx, thread, Alert.id.is_not(None))
    return tx.now if last is None else max(tx.now, last + wait)


def _wait(tx: Transaction, text: Message, *, until: datetime) -> None:
    text.next_try_at = until
    tx.session.flush()
    enqueue(tx.session, Deliver(text.conversation_id, text.id, 0), at=until)
    note_spoken(tx.session, text.conversation_id)


def _get_waiting(tx: Transaction, thread: Conversation) -> Message | None:
    """The text that waits to be sent. A text that is being sent is locked, so we skip it."""
    return tx.session.scalar(
        select(Message)
        .where(
            Message.id.in_(_alerts_in(tx, thread).with_only_columns(Message.id)),
            Message.delivery == Delivery.QUEUED,
            Message.tries == 0,
            Message.next_try_at > tx.now,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _last_sent(
    tx: Transaction, thread: Conversation, about: ColumnElement[bool]
) -> datetime | None:
    at = func.coalesce(Message.sent_at, Message.at)
    return tx.session.scalar(
        _alerts_in(tx, thread)
        .where(about, Message.delivery != Delivery.DROPPED)
        .with_only_columns(at)
        .order_by(at.desc())
        .limit(1)
    )


def _alerts_in(tx: Transaction, thread: Conversation) -> Select[Message]:
    """Of the last day: a colleague on duty may have had thousands before."""
    return (
        select(Message)
        .join(Alert, Alert.message_id == Message.id)
        .join(Handoff, Handoff.id == Alert.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Message.conversation_id == thread.id, Message.at > tx.now - DAY)
    )


def _handoffs_in(tx: Transaction, text: Message) -> list[Handoff]:
    """Those that wait, and those that were raised while a mentor held them; as many as are named,
    and one more, the most urgent first.
    """
    was_raised = (Handoff.status == Status.CLAIMED) & (Handoff.claimed_at <= Alert.at)
    alerted = select(Alert.id).where(
        Alert.message_id == text.id,
        Alert.handoff_id == Handoff.id,
        or_(Handoff.status == Status.WAITING, was_raised),
    )
    named = select(Handoff).where(alerted.exists()).order_by(Handoff.urgency.desc(), Handoff.id)
    return list(tx.session.scalars(named.limit(MOST_LISTED + 1)))


def _words(
    tx: Transaction, thread: Conversation, person: Person, handoffs: Sequence[Handoff]
) -> str:
    handoffs = sorted(dict.fromkeys(handoffs), key=lambda one: -one.urgency)
    unknown = all(one.conversation.person_id is None for one in handoffs)
    return tx.rules.script.line(
        "alert_unknown_numbers" if unknown else "alert_several",
        language=conversation_language(thread),
        **choice(tx.session, person, handoffs, marks_crises=not unknown),
        link=f"{tx.rules.site}/console",
    )
