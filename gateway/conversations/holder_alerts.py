"""Texts to the mentor who holds a handoff, when their mentee writes.

A mentor who has the conversation open in the console gets no text. An open page reports in at
intervals, so it shows only later whether the mentor still saw the message: then Warmline looks once
more, and texts the mentor if the page had been closed.
"""

from sqlalchemy import select

from escalation.handoffs.availability import LOOKING, is_looking_at, last_looked
from escalation.handoffs.jobs import TellHolder, enqueue
from escalation.speech.message_writer import get_thread, say_unless_said_lately
from escalation.transaction import Transaction
from models import Handoff, Message, Person


def tell_holder(tx: Transaction, handoff: Handoff, message: Message) -> None:
    """Text the mentor a link, or the mentee's words if the policy says so."""
    if handoff.mentor is None:
        return
    if is_looking_at(tx.session, handoff.mentor, handoff, now=tx.now):
        enqueue(tx.session, TellHolder(handoff.id, message.id), at=tx.now + LOOKING)
        return
    _text(tx, handoff, handoff.mentor, message)


def tell_holder_if_unseen(tx: Transaction, handoff: Handoff, message_id: int) -> None:
    """Text the mentor if the page was closed before the message, unless they wrote since."""
    message, mentor = tx.session.get(Message, message_id), handoff.mentor
    if message is None or mentor is None or not handoff.is_open:
        return
    seen_at = last_looked(tx.session, mentor, handoff)
    if seen_at is not None and seen_at >= message.at:
        return
    answered = select(Message.id).where(
        Message.conversation_id == message.conversation_id,
        Message.id > message.id,
        Message.speaker_id == mentor.id,
    )
    if tx.session.scalar(answered.limit(1)) is None:
        _text(tx, handoff, mentor, message)


def _text(tx: Transaction, handoff: Handoff, mentor: Person, message: Message) -> None:
    if tx.policy.relay.mentor_sms == "words":
        tx.tell(mentor, "mentee_words", code=handoff.id, words=message.words)
        return
    say_unless_said_lately(
        tx.session,
        tx.rules,
        get_thread(tx.session, tx.rules, mentor),
        "new_message",
        within_minutes=tx.policy.repeat.new_message_minutes,
        now=tx.now,
        code=handoff.id,
        link=tx.rules.link(handoff.id),
    )
