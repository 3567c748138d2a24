"""Sending texts in order, each once, with every failure visible.

A row is marked `sending` and committed before the provider is called. If the process dies in
between, the provider is asked about the text before it is sent again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.duty import tell_managers
from escalation.handoffs.handoffs import get_open_handoff, get_owner, lock_conversation
from escalation.handoffs.jobs import Deliver, TextUnseen, enqueue
from escalation.handoffs.ladder import climb_if_unreached
from escalation.speech.message_writer import STOP_CONFIRMED, spoken_in
from escalation.transaction import Transaction
from gateway.messaging.limits import find_reached_limit, tell_limit_reached
from gateway.messaging.sealed_codes import forget_code, take_out_code, why_code_is_not_sent
from gateway.runtime.line import Line, Sent, TextFailed
from models import (
    Alert,
    Channel,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Owner,
    Person,
    Role,
    Speaker,
    changes_one,
)

log = structlog.get_logger()

# Much longer than the provider's timeout: the process that was sending has died.
SEND_IS_DEAD_AFTER = timedelta(seconds=20)
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)
LABEL_OF_BOT = "Warmline bot"

# What Twilio's error codes mean for us: https://www.twilio.com/docs/api/errors
OPTED_OUT = {"21610"}
BAD_NUMBER = {"21211", "21214", "21217", "21614", "30005", "30006"}

# The order of statuses. Callbacks arrive out of order; a status never moves a text back.
PROGRESS = {
    Delivery.DROPPED: 9,
    Delivery.QUEUED: 0,
    Delivery.SENDING: 1,
    Delivery.SENT: 2,
    Delivery.DELIVERED: 3,
    Delivery.UNDELIVERED: 3,
    Delivery.FAILED: 3,
}


@contextmanager
def acting(line: Line) -> Iterator[Session]:
    """A transaction whose messages are sent as soon as it is committed."""
    with line.database.writing() as session:
        yield session
        touched = spoken_in(session)
        for conversation_id in sorted(touched):
            if session.get_one(Conversation, conversation_id).channel is Channel.WEB:
                patience = timedelta(minutes=line.rules.policy.chat.unseen_minutes)
                enqueue(session, TextUnseen(conversation_id), at=line.clock() + patience)
    for conversation_id in sorted(touched):
        line.soon(deliver, conversation_id)


def spoken(message: Message, words: str | None = None) -> str:
    """The words as they go out by SMS, after the speaker's name."""
    label = LABEL_OF_BOT if message.speaker is Speaker.BOT else message.speaker_name
    return f"{label}: {message.words if words is None else words}"


@dataclass(frozen=True)
class Outgoing:
    """One text that this worker has marked as sending.

    `tried_since` is set if an earlier try may have reached the provider: when it was written.
    """

    message_id: int
    to: str
    words: str
    tried_since: datetime | None


def deliver(line: Line, conversation_id: int) -> None:
    """Send a conversation's queued texts in order, unless another worker is sending them."""
    while (outgoing := _mark_next(line, conversation_id)) is not None:
        try:
            sent = _send_once(line, outgoing)
        except TextFailed as failed:
            _note_failure(line, outgoing.message_id, failed)
        else:
            note_delivery(line, outgoing.message_id, sent.delivery, provider_id=sent.provider_id)


def _send_once(line: Line, outgoing: Outgoing) -> Sent:
    """Send, unless the provider accepted an earlier try and we did not hear of it."""
    if outgoing.tried_since is not None:
        found = line.texts.find_sent(outgoing.to, outgoing.words, since=outgoing.tried_since)
        with line.database.reading() as session:
            for sent in found:
                if not session.scalar(
                    select(Message.id).where(Message.provider_id == sent.provider_id)
                ):
                    return sent
    return line.texts.send(outgoing.to, outgoing.words, message_id=outgoing.message_id)


def _mark_next(line: Line, conversation_id: int) -> Outgoing | None:
    """Mark the first queued text as sending. Texts that may no longer be sent are dropped."""
    now = line.clock()
    with acting(line) as session:
        conversation = lock_conversation(session, conversation_id)
        while (message := _first_undelivered(session, conversation_id, now=now)) is not None:
            if _must_wait(message, now=now):
                return None
            reason = why_code_is_not_sent(message, now=now)
            if reason is None and message.delivery is not Delivery.SENDING:
                reason = _why_not(line, session, conversation, message)
            if reason is None:
                return _mark(conversation, message, now=now)
            message.delivery, message.error_code, message.moved_at = Delivery.DROPPED, reason, now
            log.info("text dropped", message=message.id, reason=reason)
            forget_code(message)
            session.flush()
    return None


def _must_wait(message: Message, *, now: datetime) -> bool:
    """Whether the text is being sent by another worker, or its next try is not due yet."""
    if message.delivery is Delivery.SENDING:
        assert message.sending_at is not None  # set with the mark
        return now < message.sending_at + SEND_IS_DEAD_AFTER
    return message.next_try_at is not None and now < message.next_try_at


def _mark(conversation: Conversation, message: Message, *, now: datetime) -> Outgoing:
    tried_since = message.at if message.tries else None
    words = spoken(message, take_out_code(message))
    message.delivery = Delivery.SENDING
    message.sending_at = message.moved_at = now
    message.tries += 1
    assert conversation.phone is not None  # `_why_not` drops texts without a number
    return Outgoing(message.id, conversation.phone, words, tried_since)


def _first_undelivered(session: Session, conversation_id: int, *, now: datetime) -> Message | None:
    """The oldest text to send, without those that wait to be grouped with others.

    Locked, because `page` may be adding to a waiting one.
    """
    waits = (Message.tries == 0) & (func.coalesce(Message.next_try_at, now) > now)
    return session.scalar(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING]),
            ~waits,
        )
        .order_by(Message.id)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _why_not(
    line: Line, session: Session, conversation: Conversation, message: Message
) -> str | None:
    """Why this text may no longer be sent, or None. A mentor may have claimed the conversation."""
    if message.from_rasa and get_owner(get_open_handoff(session, conversation)) is Owner.MENTOR:
        return "yielded_to_person"
    if conversation.has_stopped_texts and message.script != STOP_CONFIRMED:
        return "opted_out"
    if not conversation.phone:
        return "no_number"
    tx = line.of(session, conversation.program_id).at(session)
    limits = tx.policy.paid_texts
    reached = find_reached_limit(session, limits, conversation, message, tx.now)
    if reached is not None:
        tell_limit_reached(tx, conversation.program_id)
    return reached


def note_delivery(
    line: Line,
    message_id: int,
    delivery: Delivery,
    *,
    provider_id: str | None = None,
    error_code: str | None = None,
) -> bool:
    """Move a text on to `delivery`. False if it is further along already, or not our text."""
    now = line.clock()
    with acting(line) as session:
        message = session.get(Message, message_id)
        if message is None or message.delivery is None:
            return False
        if message.provider_id not in (None, provider_id) and provider_id is not None:
            return False
        earlier = [known for known in Delivery if PROGRESS[known] < PROGRESS[delivery]]
        change = (
            update(Message)
            .where(Message.id == message_id, Message.delivery.in_(earlier))
            .values(
                delivery=delivery,
                moved_at=now,
                next_try_at=None,
                **({"provider_id": provider_id} if provider_id else {}),
                **({"sent_at": now} if message.sent_at is None else {}),
                **({"delivered_at": now} if delivery is Delivery.DELIVERED else {}),
                error_code=error_code,
            )
        )
        if not changes_one(session, change):
            return False
        session.refresh(message)
        if delivery in (Delivery.FAILED, Delivery.UNDELIVERED):
            _act_on_failed_text(_program_transaction(line, session, message), message)
        return True


def _note_failure(line: Line, message_id: int, failed: TextFailed) -> None:
    """The provider did not accept a text: try again later, or give up and act on that."""
    with acting(line) as session:
        message = session.get_one(Message, message_id)
        if message.delivery is not Delivery.SENDING:
            return  # a status callback came first: the provider has it
        tx = _program_transaction(line, session, message)
        give_up_at = message.at + timedelta(minutes=tx.policy.alert.give_up_after_minutes)
        message.error_code, message.moved_at = failed.code, tx.now
        if failed.final or tx.now >= give_up_at:
            message.delivery = Delivery.FAILED
            _act_on_failed_text(tx, message)
        else:
            wait = min(FIRST_WAIT * 2 ** min(message.tries - 1, 10), LONGEST_WAIT)
            message.delivery, message.next_try_at = Delivery.QUEUED, tx.now + wait
            work = Deliver(message.conversation_id, message.id, message.tries)
            enqueue(session, work, at=message.next_try_at)
        log.warning(
            "text not accepted",
            message=message.id,
            code=failed.code,
            tries=message.tries,
            delivery=message.delivery.value,
        )


def _program_transaction(line: Line, session: Session, message: Message) -> Transaction:
    conversation = session.get_one(Conversation, message.conversation_id)
    return line.of(session, conversation.program_id).at(session)


def _act_on_failed_text(tx: Transaction, message: Message) -> None:
    """Note a bad number, page the next mentor, or tell a mentor that their words did not arrive."""
    session = tx.session
    person = session.get_one(Conversation, message.conversation_id).person
    if person is not None:
        if message.error_code in OPTED_OUT:
            if person.opted_out_at is None and person.role is not Role.MENTEE:
                tell_managers(tx, person, "staff_stopped")
            person.opted_out_at = person.opted_out_at or tx.now
        elif message.error_code in BAD_NUMBER:
            person.unreachable_code = message.error_code
    session.flush()
    for alert in session.scalars(select(Alert).where(Alert.message_id == message.id)).all():
        handoff = session.get_one(Handoff, alert.handoff_id)
        lock_conversation(session, handoff.conversation_id)
        session.refresh(handoff)
        climb_if_unreached(tx, handoff)
    if message.speaker in (Speaker.MENTOR, Speaker.MANAGER):
        _tell_mentor_it_failed(tx, message)


def _tell_mentor_it_failed(tx: Transaction, message: Message) -> None:
    handoff_id = tx.session.scalar(
        select(func.max(Handoff.id)).where(Handoff.conversation_id == message.conversation_id)
    )
    mentor = tx.session.get(Person, message.speaker_id)
    if handoff_id is not None and mentor is not None:
        handoff = tx.session.get_one(Handoff, handoff_id)
        tx.tell_about(handoff, mentor, "not_delivered", error_code=message.error_code)
