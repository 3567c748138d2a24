"""A mentee's thread as the web chat shows it: texts and chat messages in one order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session, load_only

from escalation.speech.i18n import gettext_noop
from gateway.conversations.quick_replies import Choice, choices_in
from gateway.messaging import sealed_codes
from models import Channel, Conversation, Delivery, Message, Owner, Person, Speaker

SHOWN = 60
# The longest answer: a disclosure, then the three messages of the menu.
MOST_SAID_AT_ONCE = 5
MESSAGE_WAITS = "chat_message_waits"
# Texts about the page itself would only confuse on the page.
NOT_SHOWN = (*sealed_codes.CODES_BY_TEXT.values(), MESSAGE_WAITS)


@dataclass(frozen=True)
class Thread:
    """Messages, oldest first. `earlier` says whether there are more before them."""

    messages: Sequence[Message]
    earlier: bool

    @property
    def last_id(self) -> int:
        return self.messages[-1].id if self.messages else 0


def is_shown() -> ColumnElement[bool]:
    """What the mentee sees: everything but replies that we dropped because a mentor came."""
    return and_(
        or_(
            Message.delivery.is_(None),
            Message.delivery != Delivery.DROPPED,
            Message.error_code == "opted_out",
        ),
        or_(Message.script.is_(None), Message.script.not_in(NOT_SHOWN)),
    )


def get_conversation(session: Session, person: Person) -> Conversation | None:
    return session.scalar(select(Conversation).where(Conversation.person_id == person.id))


def _messages(conversation: Conversation | None) -> Select[Message]:
    """Selects nothing for a mentee who has no conversation yet."""
    return select(Message).where(
        Message.conversation_id == (conversation.id if conversation else 0)
    )


def latest(session: Session, conversation: Conversation | None, *, before: int = 0) -> Thread:
    asked = _messages(conversation).where(is_shown())
    if before:
        asked = asked.where(Message.id < before)
    found = session.scalars(asked.order_by(Message.id.desc()).limit(SHOWN + 1)).all()
    return Thread(found[:SHOWN][::-1], earlier=len(found) > SHOWN)


def after(session: Session, conversation: Conversation | None, last_id: int) -> Sequence[Message]:
    """The next messages after `last_id`, oldest first. Ids grow as rows appear."""
    return session.scalars(
        _messages(conversation)
        .where(Message.id > last_id, is_shown())
        .order_by(Message.id)
        .limit(SHOWN)
    ).all()


def note_shown(session: Session, conversation: Conversation, up_to: int, *, now: datetime) -> None:
    """An open page has shown everything up to this message, so it has been delivered."""
    session.execute(
        update(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.id <= up_to,
            Message.channel == Channel.WEB,
            Message.delivery == Delivery.SENT,
        )
        .values(delivery=Delivery.DELIVERED, delivered_at=now, moved_at=now)
    )


def message_state(message: Message) -> str:
    if message.delivery is None:
        return gettext_noop("sent")
    by_text = message.channel is not Channel.WEB
    match message.delivery:
        case Delivery.DELIVERED:
            return gettext_noop("delivered to your phone") if by_text else gettext_noop("delivered")
        case Delivery.SENT:
            return gettext_noop("sent to your phone") if by_text else gettext_noop("sent")
        case Delivery.QUEUED | Delivery.SENDING:
            return gettext_noop("on its way to your phone")
        case Delivery.DROPPED if message.error_code == "opted_out":
            return gettext_noop("not texted: you stopped texts")
        case Delivery.DROPPED:
            return gettext_noop("withdrawn")
        case _:
            return gettext_noop("failed: it did not reach your phone")


def message_states(session: Session, conversation: Conversation | None) -> dict[str, str]:
    """The states of recent outgoing messages by number, including withdrawn ones."""
    sent = session.scalars(
        _messages(conversation)
        .options(load_only(Message.delivery, Message.channel, Message.error_code))
        .where(Message.outgoing)
        .order_by(Message.id.desc())
        .limit(SHOWN)
    )
    return {str(message.id): message_state(message) for message in sent}


def choices_now(session: Session, conversation: Conversation | None, owner: Owner) -> list[Choice]:
    """The answers that the bot's last messages offer; none while a mentor is there."""
    if owner is Owner.MENTOR:
        return []
    messages = _messages(conversation).where(is_shown())
    last = session.scalars(messages.order_by(Message.id.desc()).limit(MOST_SAID_AT_ONCE))
    said = [message.words for message in takewhile(lambda one: one.speaker is Speaker.BOT, last)]
    return choices_in(reversed(said))
