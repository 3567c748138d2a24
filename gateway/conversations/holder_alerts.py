"""Texts to the mentor who holds a handoff, when their mentee writes.

A mentor who has the conversation open in the console gets no text. An open page reports in at
intervals, so it shows only later whether the mentor still saw the message: then Warmline looks once
more, and texts the mentor if the page had been closed.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import LOOKING, is_looking_at, last_looked
from escalation.handoffs.jobs import TellHolder
from escalation.speech.message_writer import get_thread, say, say_unless_said_lately
from gateway.runtime.line import Line
from models import Handoff, Message, Person


def tell_holder(
    session: Session, line: Line, handoff: Handoff, message: Message, *, now: datetime
) -> None:
    """Text the mentor a link, or the mentee's words if the policy says so."""
    if handoff.mentor is None:
        return
    if is_looking_at(session, handoff.mentor, handoff, now=now):
        line.later(session, TellHolder(handoff.id, message.id), at=now + LOOKING)
        return
    _text(session, line, handoff, handoff.mentor, message, now=now)


def tell_holder_if_unseen(
    session: Session, line: Line, handoff: Handoff, message_id: int, *, now: datetime
) -> None:
    """Text the mentor if the page was closed before the message, unless they wrote since."""
    message, mentor = session.get(Message, message_id), handoff.mentor
    if message is None or mentor is None or not handoff.is_open:
        return
    seen_at = last_looked(session, mentor, handoff)
    if seen_at is not None and seen_at >= message.at:
        return
    answered = select(Message.id).where(
        Message.conversation_id == message.conversation_id,
        Message.id > message.id,
        Message.speaker_id == mentor.id,
    )
    if session.scalar(answered.limit(1)) is None:
        _text(session, line, handoff, mentor, message, now=now)


def _text(
    session: Session,
    line: Line,
    handoff: Handoff,
    mentor: Person,
    message: Message,
    *,
    now: datetime,
) -> None:
    rules = line.rules
    thread = get_thread(session, rules, mentor)
    if rules.policy.relay.mentor_sms == "words":
        say(session, rules, thread, "mentee_words", now=now, code=handoff.id, words=message.words)
        return
    say_unless_said_lately(
        session,
        rules,
        thread,
        "new_message",
        within_minutes=rules.policy.repeat.new_message_minutes,
        now=now,
        code=handoff.id,
        link=rules.link(handoff.id),
    )
