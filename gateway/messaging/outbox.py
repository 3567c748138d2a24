"""Sending texts in order, each once, with every failure visible.

A row is marked `sending` and committed before the provider is called. If the process dies in
between, the provider is asked about the text before it is sent again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import get_open_handoff, get_owner, lock_conversation
from escalation.handoffs.jobs import Deliver, TextUnseen, enqueue
from escalation.handoffs.replies import correct_first_reply
from escalation.speech.message_writer import CONFIRM_STOP, spoken_in
from escalation.transaction import Transaction
from gateway.messaging.alert_texts import get_validity, why_too_late
from gateway.messaging.failures import get_throttle_end, handle_failure, unmark
from gateway.messaging.limits import find_reached_limit, is_urgent, tell_limit_reached
from gateway.messaging.sealed_codes import forget_code, take_out_code, why_code_is_not_sent
from gateway.runtime.line import Line, Sent, TextFailed
from models import (
    Channel,
    Conversation,
    Delivery,
    FailedTry,
    Message,
    Owner,
    Speaker,
    changes_one,
)

log = structlog.get_logger()

# Much longer than the provider's timeout: the process that was sending has died.
SEND_IS_DEAD_AFTER = timedelta(seconds=20)
# WhatsApp takes free text within 24 hours after the person wrote, otherwise only templates.
WHATSAPP_TAKES_TEXT_FOR = timedelta(hours=23, minutes=55)
LABEL_OF_BOT = "Warmline bot"

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
    valid_for: timedelta | None


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
                if not _is_known(session, sent.provider_id):
                    return sent
    return line.texts.send(
        outgoing.to,
        outgoing.words,
        message_id=outgoing.message_id,
        valid_for=outgoing.valid_for,
    )


def _is_known(session: Session, provider_id: str) -> bool:
    text = select(Message.id).where(Message.provider_id == provider_id)
    failed = select(FailedTry.message_id).where(FailedTry.provider_id == provider_id)
    return session.scalar(text.union(failed).limit(1)) is not None


def _mark_next(line: Line, conversation_id: int) -> Outgoing | None:
    """Mark the first queued text as sending. Texts that may no longer be sent are dropped."""
    now = line.clock()
    with acting(line) as session:
        conversation = lock_conversation(session, conversation_id)
        while (message := _first_undelivered(session, conversation_id, now=now)) is not None:
            if _must_wait(message, now=now):
                overtaking = _first_urgent(session, conversation_id, now=now)
                if overtaking is None:
                    return None
                message = overtaking
            reason = why_code_is_not_sent(message, now=now)
            if reason is None and message.delivery is not Delivery.SENDING:
                reason = _why_not(line, session, conversation, message)
            if reason is None:
                until = get_throttle_end(session, message, now=now)
                if until is None:
                    tx = line.of(session, conversation.program_id).at(session)
                    return _mark(tx, conversation, message)
                message.next_try_at = until
                enqueue(session, Deliver(conversation_id, message.id, message.tries), at=until)
                session.flush()
                continue
            message.delivery, message.error_code, message.moved_at = Delivery.DROPPED, reason, now
            log.info("text dropped", message=message.id, reason=reason)
            forget_code(message)
            session.flush()
            if message.speaker in (Speaker.MENTOR, Speaker.MANAGER):
                correct_first_reply(session, conversation_id, message.at)
    return None


def _first_urgent(session: Session, conversation_id: int, *, now: datetime) -> Message | None:
    """The first urgent text that need not wait until an earlier text is tried again."""
    ready = select(Message).where(
        Message.conversation_id == conversation_id,
        Message.delivery == Delivery.QUEUED,
        func.coalesce(Message.next_try_at, now) <= now,
    )
    queued = session.scalars(ready.order_by(Message.id)).all()
    return next((text for text in queued if is_urgent(session, text)), None)


def _must_wait(message: Message, *, now: datetime) -> bool:
    """Whether the text is being sent by another worker, or its next try is not due yet."""
    if message.delivery is Delivery.SENDING:
        assert message.sending_at is not None  # set with the mark
        return now < message.sending_at + SEND_IS_DEAD_AFTER
    return message.next_try_at is not None and now < message.next_try_at


def _mark(tx: Transaction, conversation: Conversation, message: Message) -> Outgoing:
    tried_since = message.at if message.tries else None
    words = spoken(message, take_out_code(message))
    message.delivery = Delivery.SENDING
    message.sending_at = message.moved_at = tx.now
    message.tries += 1
    assert conversation.phone is not None  # `_why_not` drops texts without a number
    valid_for = get_validity(tx, message)
    to = _get_address(tx, conversation, message)
    return Outgoing(message.id, to, words, tried_since, valid_for)


def _get_address(tx: Transaction, conversation: Conversation, message: Message) -> str:
    """The number, or their WhatsApp while it takes free text."""
    last = select(func.max(Message.at)).where(
        Message.conversation_id == conversation.id,
        Message.channel == Channel.WHATSAPP,
        Message.outgoing.is_(False),
    )
    if message.channel is not Channel.WHATSAPP:
        return str(conversation.phone)
    wrote_at = tx.session.scalar(last)
    may_answer = wrote_at is not None and tx.now < wrote_at + WHATSAPP_TAKES_TEXT_FOR
    return f"whatsapp:{conversation.phone}" if may_answer else str(conversation.phone)


def waits_for_group(now: datetime) -> ColumnElement[bool]:
    """Whether it is an alert that waits for its group, or a text that waits for the provider's
    limit. It holds up no other text.
    """
    return (Message.tries == 0) & (func.coalesce(Message.next_try_at, now) > now)


def _first_undelivered(session: Session, conversation_id: int, *, now: datetime) -> Message | None:
    """The oldest text to send, without those that wait to be grouped with others.

    Locked, because `page` may be adding to a waiting one.
    """
    return session.scalar(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.delivery.in_([Delivery.QUEUED, Delivery.SENDING]),
            ~waits_for_group(now),
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
    if conversation.has_stopped_texts and message.script not in CONFIRM_STOP:
        return "opted_out"
    if not conversation.phone:
        return "no_number"
    tx = line.of(session, conversation.program_id).at(session)
    too_late = why_too_late(tx, message)
    if too_late is not None:
        return too_late
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
        if provider_id is not None and not _is_about(session, message, provider_id):
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
        if delivery is Delivery.DELIVERED:
            unmark(session.get_one(Conversation, message.conversation_id).person)
        if delivery in (Delivery.FAILED, Delivery.UNDELIVERED):
            _note_failed_try(session, message, now=now)
            handle_failure(_program_transaction(line, session, message), message, taken=True)
        return True


def _is_about(session: Session, message: Message, provider_id: str) -> bool:
    """Whether a report is about the last try of this text."""
    if message.provider_id is not None:
        return message.provider_id == provider_id
    earlier = select(FailedTry.id).where(FailedTry.provider_id == provider_id)
    return session.scalar(earlier) is None


def _note_failed_try(session: Session, message: Message, *, now: datetime) -> None:
    if message.provider_id is not None:
        session.add(
            FailedTry(
                message_id=message.id,
                provider_id=message.provider_id,
                code=message.error_code,
                at=now,
            )
        )
        session.flush()


def _note_failure(line: Line, message_id: int, failed: TextFailed) -> None:
    """The provider did not accept a text: try again later, or give up and act on that."""
    with acting(line) as session:
        message = session.get_one(Message, message_id)
        if message.delivery is not Delivery.SENDING:
            return  # a status callback came first: the provider has it
        tx = _program_transaction(line, session, message)
        message.error_code, message.moved_at = failed.code, tx.now
        handle_failure(tx, message, taken=False, final=failed.final)


def _program_transaction(line: Line, session: Session, message: Message) -> Transaction:
    conversation = session.get_one(Conversation, message.conversation_id)
    return line.of(session, conversation.program_id).at(session)
