"""What the mentor who holds a handoff is told by text when their mentee writes.

Whoever has the conversation open in the console reads it there and is not texted too. Whether
they had it open still when the words came shows only afterwards, as an open page reads itself
again: so it is looked at once more, and who had gone is told then.
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
    """Tell the mentor that their mentee wrote: by link, or in words if so set."""
    if handoff.mentor is None:
        return
    if is_looking_at(session, handoff.mentor, handoff, now=now):
        line.later(session, TellHolder(handoff.id, message.id), at=now + LOOKING)
        return
    _text(session, line, handoff, handoff.mentor, message, now=now)


def tell_holder_if_unseen(
    session: Session, line: Line, handoff: Handoff, message_id: int, *, now: datetime
) -> None:
    """Tell whoever had left the page when the message came, unless they have written since."""
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
