"""Texts to mentees who have not seen a message on their page."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import out_of_quiet_hours
from escalation.handoffs.handoffs import lock_conversation
from escalation.handoffs.jobs import TextUnseen, Work, enqueue
from escalation.speech.message_writer import say_by_text
from gateway.chat.sign_in import chat_link
from gateway.chat.thread import MESSAGE_WAITS
from gateway.messaging.outbox import acting
from gateway.runtime.line import Line
from models import Channel, Conversation, Delivery, Message, Speaker

# A mentee who wrote this recently is still waiting on the page for the answer.
STILL_THERE = timedelta(minutes=2)
# We have texted about older messages, or could not.
LOOKED_BACK = timedelta(days=1)


def text_unseen(line: Line, job: TextUnseen) -> None:
    """Text a mentee that a message waits on their page, and not what it says."""
    now = line.clock()
    with acting(line) as session:
        conversation = lock_conversation(session, job.conversation_id)
        line = line.of(session, conversation.program_id)
        # The mentee may have opened the page meanwhile, or another process may have texted.
        due_at = _text_due_at(session, line, conversation, now=now)
        if due_at is not None and due_at > now:
            enqueue(session, job, at=due_at)
        elif due_at is not None:
            link = chat_link(line.rules)
            say_by_text(session, line.rules, conversation, MESSAGE_WAITS, now=now, link=link)


def unseen_messages(line: Line, session: Session, before: datetime) -> list[Work]:
    unseen = select(Message.conversation_id).where(
        Message.moved_at > before - LOOKED_BACK,
        Message.channel == Channel.WEB,
        Message.delivery == Delivery.SENT,
    )
    found: list[Work] = []
    for conversation in session.scalars(select(Conversation).where(Conversation.id.in_(unseen))):
        its_line = line.of(session, conversation.program_id)
        due_at = _text_due_at(session, its_line, conversation, now=before)
        if due_at is not None and due_at <= before:
            found.append(TextUnseen(conversation.id))
    return found


def _text_due_at(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> datetime | None:
    """When a text is due: once, until the mentee has looked, and at most once a day."""
    person, policy = conversation.person, line.rules.policy
    if person is None or not person.can_be_texted or person.left_at is not None:
        return None
    here = Message.conversation_id == conversation.id
    texted_at = session.scalar(
        select(func.max(Message.at)).where(here, Message.script == MESSAGE_WAITS)
    )
    wrote_at = session.scalar(select(func.max(Message.at)).where(here, ~Message.outgoing))
    looked_at = session.scalar(
        select(func.max(Message.delivered_at)).where(here, Message.channel == Channel.WEB)
    )
    was_there_at = max(at for at in (wrote_at, looked_at, now - LOOKED_BACK) if at is not None)
    if texted_at is not None and texted_at > was_there_at:
        return None
    unseen = session.scalars(
        select(Message).where(
            here,
            Message.channel == Channel.WEB,
            Message.delivery == Delivery.SENT,
            Message.at > max(now - LOOKED_BACK, texted_at or now - LOOKED_BACK),
        )
    ).all()
    patience, zone = timedelta(minutes=policy.chat.unseen_minutes), ZoneInfo(person.timezone)
    # A person's words answer the mentee, so quiet hours do not delay them.
    due = [message.at + patience for message in unseen if message.speaker is not Speaker.BOT]
    for message in unseen:
        if message.speaker is Speaker.BOT and _is_unprompted(session, message):
            not_before = max(message.at + patience, now)
            due.append(out_of_quiet_hours(not_before, zone, policy.schedule))
    return min(due, default=None)


def _is_unprompted(session: Session, message: Message) -> bool:
    """Whether this does not answer what the mentee had just written."""
    wrote = select(Message.id).where(
        Message.conversation_id == message.conversation_id,
        ~Message.outgoing,
        Message.id < message.id,
        Message.at > message.at - STILL_THERE,
    )
    return session.scalar(wrote.limit(1)) is None
