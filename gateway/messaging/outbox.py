"""Sending texts in order, each once, with every failure visible.

A row is marked `sending` and committed before the provider is called. If the process dies in
between, the provider is asked about the text before it is sent again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, Update, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import TextUnseen, enqueue
from escalation.speech.message_writer import spoken_in
from escalation.transaction import Transaction
from gateway.messaging.failures import handle_failure, unmark
from gateway.messaging.marking import BATCH_LASTS, Outgoing, drop, mark_batch
from gateway.runtime.line import Line, Sent, TextFailed
from models import (
    Channel,
    Conversation,
    Delivery,
    FailedTry,
    Message,
    changes_one,
    hold_thread,
)

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


@dataclass(frozen=True)
class Tried:
    """A text, and what came of sending it: one of these, or it was left for later."""

    outgoing: Outgoing
    sent: Sent | None = None
    failed: TextFailed | None = None
    dropped: str | None = None

    @property
    def is_left(self) -> bool:
        return not (self.sent or self.failed or self.dropped)


class NotAgain(Exception):
    """No earlier try of the text reached the provider, and now it may no longer be sent."""


def deliver(line: Line, conversation_id: int) -> None:
    """Send a conversation's queued texts in order, unless another worker is sending them.

    Texts that wait together are marked together before they are sent, and noted together after.
    """
    tried: list[Tried] = []
    while batch := _note_and_mark(line, conversation_id, tried):
        tried = []
        try:
            _send_in_order(line, batch, tried)
        except Exception:
            with acting(line) as session:
                _note(line, session, tried)  # what the provider has is not asked about again
            raise
        for one in tried:
            if one.failed is not None:
                _note_failure(line, one.outgoing.message_id, one.failed)


def _send_in_order(line: Line, batch: Sequence[Outgoing], tried: list[Tried]) -> None:
    """After a text that failed, or when the time is over, the rest is left for later."""
    until = line.clock() + BATCH_LASTS
    goes_on = True
    for outgoing in batch:
        tried.append(_try(line, outgoing) if goes_on else Tried(outgoing))
        goes_on = goes_on and not tried[-1].failed and line.clock() <= until


def _try(line: Line, outgoing: Outgoing) -> Tried:
    try:
        return Tried(outgoing, sent=_send_once(line, outgoing))
    except TextFailed as failed:
        return Tried(outgoing, failed=failed)
    except NotAgain:
        return Tried(outgoing, dropped=outgoing.why_not)


def _send_once(line: Line, outgoing: Outgoing) -> Sent:
    """Send, unless the provider accepted an earlier try and we did not hear of it."""
    if outgoing.tried_since is not None:
        found = line.texts.find_sent(outgoing.to, outgoing.words, since=outgoing.tried_since)
        with line.database.reading() as session:
            for sent in found:
                if not _is_known(session, sent.provider_id, but=outgoing.message_id):
                    return sent
        if outgoing.why_not is not None:
            raise NotAgain
    return line.texts.send(
        outgoing.to,
        outgoing.words,
        message_id=outgoing.message_id,
        valid_for=outgoing.valid_for,
    )


def _is_known(session: Session, provider_id: str, *, but: int) -> bool:
    """Whether it is another text, or a try that failed.

    `but` is left out: a report can name the provider's id of this text first.
    """
    text = select(Message.id).where(Message.provider_id == provider_id, Message.id != but)
    failed = select(FailedTry.message_id).where(FailedTry.provider_id == provider_id)
    return session.scalar(text.union(failed).limit(1)) is not None


def _note_and_mark(line: Line, conversation_id: int, tried: Sequence[Tried]) -> Sequence[Outgoing]:
    """Note what was sent, queue what was left for later, and mark what is next."""
    with acting(line) as session:
        # Another worker that queues a text from now on finds nothing `sending`, and sends it.
        hold_thread(session, conversation_id)
        _note(line, session, tried)
        return mark_batch(line, session, conversation_id)


def _note(line: Line, session: Session, tried: Sequence[Tried]) -> None:
    """What was sent, what was left for later, and what may not be sent again."""
    _note_sent(line, session, tried)
    _put_back(session, [one for one in tried if one.is_left], now=line.clock())
    _drop_unsent(line, session, [one for one in tried if one.dropped])


def _note_sent(line: Line, session: Session, tried: Sequence[Tried]) -> None:
    """Unless the provider's report came first, which moved the text on or had it sent again."""
    sent: dict[Delivery, list[dict[str, object]]] = {}
    for one in tried:
        if one.sent is not None:
            values = {"its_id": one.outgoing.message_id, "given_id": one.sent.provider_id}
            sent.setdefault(one.sent.delivery, []).append(values)
    for delivery, texts in sent.items():
        session.connection().execute(_note_statement(delivery, now=line.clock()), texts)
    if Delivery.DELIVERED in sent:
        first = session.get_one(Message, tried[0].outgoing.message_id)
        unmark(session.get_one(Conversation, first.conversation_id).person)


def _note_statement(delivery: Delivery, *, now: datetime) -> Update:
    given_id: BindParameter[str] = bindparam("given_id", type_=Message.provider_id.type)
    reported = select(FailedTry.id).where(FailedTry.provider_id == given_id).exists()
    return (
        update(Message)
        .where(
            Message.id == bindparam("its_id"),
            or_(*(Message.delivery == one for one in _before(delivery))),  # no IN with many values
            Message.provider_id.is_(None) | (Message.provider_id == given_id),
            ~reported,
        )
        .values(
            delivery=delivery,
            provider_id=given_id,
            moved_at=now,
            next_try_at=None,
            sent_at=func.coalesce(Message.sent_at, now),
            error_code=None,
            **({"delivered_at": now} if delivery is Delivery.DELIVERED else {}),
        )
    )


def _put_back(session: Session, tried: Sequence[Tried], *, now: datetime) -> None:
    if ids := [one.outgoing.message_id for one in tried]:
        session.execute(
            update(Message)
            .where(Message.id.in_(ids), Message.delivery == Delivery.SENDING)
            .values(
                delivery=Delivery.QUEUED,
                sending_at=None,
                moved_at=now,
                tries=Message.tries - 1,
            )
            .execution_options(synchronize_session=False)
        )


def _drop_unsent(line: Line, session: Session, tried: Sequence[Tried]) -> None:
    for one in tried:
        message = session.get_one(Message, one.outgoing.message_id)
        if message.delivery is Delivery.SENDING:
            drop(_program_transaction(line, session, message), message, str(one.dropped))


def _before(delivery: Delivery) -> list[Delivery]:
    return [known for known in Delivery if PROGRESS[known] < PROGRESS[delivery]]


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
        change = (
            update(Message)
            .where(Message.id == message_id, Message.delivery.in_(_before(delivery)))
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
