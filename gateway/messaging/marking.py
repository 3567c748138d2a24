"""Which texts of a conversation are sent next: they are marked as `sending`, or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import structlog
from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import Deliver, enqueue
from escalation.handoffs.replies import correct_first_reply
from escalation.speech.message_writer import CONFIRM_STOP, is_staffs
from escalation.transaction import Transaction
from gateway.messaging.alert_texts import get_validity, why_too_late
from gateway.messaging.failures import REFUSED, REPORTED, get_throttle_end, throttled_since
from gateway.messaging.limits import Counted, find_reached_limit, is_urgent, tell_limit_reached
from gateway.messaging.sealed_codes import (
    forget_code,
    has_code,
    take_out_code,
    why_code_is_not_sent,
)
from gateway.runtime.line import Line
from models import (
    ON_ITS_WAY,
    Channel,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Speaker,
    Status,
)

log = structlog.get_logger()

# Much longer than the provider's timeout: the process that was sending has died.
SEND_IS_DEAD_AFTER = timedelta(seconds=20)
# No text of a batch is begun later, so that with the timeouts all of it ends well before that.
BATCH_LASTS = timedelta(seconds=5)
BATCH_IS_AT_MOST = 10
# WhatsApp takes free text within 24 hours after the person wrote, otherwise only templates.
WHATSAPP_TAKES_TEXT_FOR = timedelta(hours=23, minutes=55)
LABEL_OF_BOT = "Warmline bot"


@dataclass(frozen=True)
class Outgoing:
    """One text that this worker has marked as sending.

    `tried_since` is set if an earlier try may have reached the provider: when it was written. Then
    `why_not` says why the text may not be sent again, if that try did not reach the provider.
    """

    message_id: int
    to: str
    words: str
    tried_since: datetime | None
    valid_for: timedelta | None
    why_not: str | None = None


@dataclass(frozen=True)
class Ready:
    """A conversation's texts that may go now, in order, and what is true of all of them."""

    tx: Transaction
    conversation: Conversation
    texts: Sequence[Message]
    is_held: bool
    throttled_until: datetime | None
    counted: Counted


def spoken(message: Message, words: str | None = None) -> str:
    """The words as they go out by SMS, after the speaker's name."""
    label = LABEL_OF_BOT if message.speaker is Speaker.BOT else message.speaker_name
    return f"{label}: {message.words if words is None else words}"


def mark_batch(line: Line, session: Session, conversation_id: int) -> list[Outgoing]:
    """Mark the texts that are next. The caller has locked the conversation."""
    while (ready := _read_ready(line, session, conversation_id)) is not None:
        batch = _mark_ready(ready)
        session.flush()
        if batch:
            return batch
    return []


def waits_for_group(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether it is an alert that waits for its group, or a text that waits for the provider's
    limit. It holds up no other text.
    """
    return (Message.tries == 0) & (func.coalesce(Message.next_try_at, now) > now)


# Built once, because every batch asks.
NEXT_TEXTS = (
    select(
        Message,
        Conversation,
        select(Handoff.id)
        .where(Handoff.conversation_id == Conversation.id, Handoff.status == Status.CLAIMED)
        .exists(),
        REFUSED.exists() | REPORTED.exists(),
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(
        Message.conversation_id == bindparam("of", type_=Message.conversation_id.type),
        ON_ITS_WAY,
        ~waits_for_group(bindparam("now", type_=Message.next_try_at.type)),
    )
    .order_by(Message.id)
    .limit(BATCH_IS_AT_MOST)
    .with_for_update(of=Message)
    .execution_options(populate_existing=True)
)


def _read_ready(line: Line, session: Session, conversation_id: int) -> Ready | None:
    """None if there is nothing to send now.

    Texts that wait to be grouped are left out. The others are locked, because `page` may be adding
    to a waiting one.
    """
    now = line.clock()
    asked = {"of": conversation_id, "now": now, "throttled_since": throttled_since(now)}
    rows = session.execute(NEXT_TEXTS, asked).all()
    texts = list(takewhile(lambda text: not _must_wait(text, now=now), (row[0] for row in rows)))
    if not texts and rows:
        overtaking = _first_urgent(session, conversation_id, now=now)
        texts = [] if overtaking is None else [overtaking]
    if not texts:
        return None
    _, conversation, is_held_now, is_throttled_now = rows[0]
    tx = line.of(session, conversation.program_id).at(session)
    counted = Counted(tx, conversation, texts)
    throttled_until = get_throttle_end(session, now=now) if is_throttled_now else None
    return Ready(tx, conversation, texts, is_held_now, throttled_until, counted)


def _must_wait(message: Message, *, now: datetime) -> bool:
    """Whether the text is being sent by another worker, or its next try is not due yet."""
    if message.delivery is Delivery.SENDING:
        assert message.sending_at is not None  # set with the mark
        return now < message.sending_at + SEND_IS_DEAD_AFTER
    return message.next_try_at is not None and now < message.next_try_at


def _first_urgent(session: Session, conversation_id: int, *, now: datetime) -> Message | None:
    """The first urgent text that need not wait until an earlier text is tried again."""
    ready = select(Message).where(
        Message.conversation_id == conversation_id,
        Message.delivery == Delivery.QUEUED,
        func.coalesce(Message.next_try_at, now) <= now,
    )
    queued = session.scalars(ready.order_by(Message.id)).all()
    return next((text for text in queued if is_urgent(session, text)), None)


def _mark_ready(ready: Ready) -> list[Outgoing]:
    batch: list[Outgoing] = []
    for text in ready.texts:
        if has_code(text) and batch:
            break  # a code is taken out of its row when it is marked, so it cannot be put back
        reason = _why_not(ready, text)
        if reason and text.tries and ready.conversation.phone and not has_code(text):
            # An earlier try may have reached the provider, who is asked first.
            batch.append(_mark(ready, text, why_not=reason))
        elif reason:
            drop(ready.tx, text, reason)
        elif (until := ready.throttled_until) and not is_urgent(ready.tx.session, text):
            # Queued, if a crash left it: as long as it is being sent, we would find it again.
            text.delivery, text.next_try_at = Delivery.QUEUED, until
            work = Deliver(text.conversation_id, text.id, text.tries)
            enqueue(ready.tx.session, work, at=until)
            if text.tries:
                break
        else:
            only = has_code(text)
            batch.append(_mark(ready, text))
            ready.counted.sent += 1
            if only:
                break
    return batch


def _why_not(ready: Ready, message: Message) -> str | None:
    """Why this text may no longer be sent, or None. A mentor may have claimed the conversation."""
    tx, conversation = ready.tx, ready.conversation
    if reason := why_code_is_not_sent(message, now=tx.now):
        return reason
    if message.from_rasa and ready.is_held:
        return "yielded_to_person"
    if conversation.has_stopped_texts and message.script not in CONFIRM_STOP:
        return "opted_out"
    if not conversation.phone:
        return "no_number"
    if is_staffs(conversation) and (too_late := why_too_late(tx, message)) is not None:
        return too_late
    reached = find_reached_limit(ready.counted, message)
    if reached is not None:
        tell_limit_reached(tx, conversation.program_id)
    return reached


def drop(tx: Transaction, message: Message, reason: str) -> None:
    message.delivery, message.error_code, message.moved_at = Delivery.DROPPED, reason, tx.now
    log.info("text dropped", message=message.id, reason=reason)
    forget_code(message)
    if message.speaker in (Speaker.MENTOR, Speaker.MANAGER):
        tx.session.flush()
        correct_first_reply(tx.session, message.conversation_id, message.at)


def _mark(ready: Ready, message: Message, *, why_not: str | None = None) -> Outgoing:
    tx, conversation = ready.tx, ready.conversation
    tried_since = message.at if message.tries else None
    words = spoken(message, take_out_code(message))
    valid_for = get_validity(tx, message) if is_staffs(conversation) else None
    to = _get_address(tx, conversation, message)
    message.delivery = Delivery.SENDING
    message.sending_at = message.moved_at = tx.now
    message.tries += 1
    return Outgoing(message.id, to, words, tried_since, valid_for, why_not)


def _get_address(tx: Transaction, conversation: Conversation, message: Message) -> str:
    """The number, or their WhatsApp while it takes free text."""
    assert conversation.phone is not None  # `_why_not` drops texts without a number
    if message.channel is not Channel.WHATSAPP:
        return conversation.phone
    last = select(func.max(Message.at)).where(
        Message.conversation_id == conversation.id,
        Message.channel == Channel.WHATSAPP,
        Message.outgoing.is_(False),
    )
    wrote_at = tx.session.scalar(last)
    may_answer = wrote_at is not None and tx.now < wrote_at + WHATSAPP_TAKES_TEXT_FOR
    return f"whatsapp:{conversation.phone}" if may_answer else conversation.phone
