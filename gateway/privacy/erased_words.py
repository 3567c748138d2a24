"""Deleting the words of one thread, and what staff wrote about it.

The caller destroys the key afterward, so every value that stays is encrypted again with another
key.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.privacy.legal_hold import held_people
from models import (
    HOUSE,
    Alert,
    Base,
    Channel,
    CheckIn,
    Conversation,
    Debrief,
    DecisionRecord,
    ErasedText,
    FailedTry,
    Goal,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Note,
    ProviderCopy,
    SkillUse,
    Transfer,
    VerdictRecord,
    create_key,
    destroy_key,
    provider_hash,
    with_key,
)

AFTERWARD = timedelta(days=7)
ERASED_WORDS = with_key("(deleted)", HOUSE)


def erase_words(
    session: Session,
    column: InstrumentedAttribute[Any],
    where: ColumnElement[bool],
    *,
    to: str | None = ERASED_WORDS,
    **also: None,
) -> None:
    blanked = update(column.class_).where(where).values({column.key: to, **also})
    session.execute(blanked.execution_options(synchronize_session=False))


def erase_thread(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """A mentee's messages and all that we derived from them."""
    here = Message.conversation_id == conversation.id
    messages = select(Message.id).where(here)
    forget_texts(session, here, now=now)
    opened = update(Handoff).where(Handoff.conversation_id == conversation.id)
    session.execute(opened.values(opened_by_message_id=None))
    session.execute(delete(DecisionRecord).where(DecisionRecord.message_id.in_(messages)))
    session.execute(delete(VerdictRecord).where(VerdictRecord.message_id.in_(messages)))
    for table in (CheckIn, SkillUse, Goal, Message):
        session.execute(delete(table).where(table.conversation_id == conversation.id))
    conversation.skill, conversation.forget_bot = None, True
    conversation.forget_due_at = now


def erase_staff_words_about(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """What mentors, managers, and alerts said about a mentee, or to them, outside of the thread."""
    handoffs = select(Handoff.id).where(Handoff.conversation_id == conversation.id)
    about = Message.about_id == conversation.id
    forget_texts(session, about, now=now)
    erase_words(session, Message.words, about)
    # An alert to their own mentor may name the mentee. One about several people names no one.
    others = select(Alert.message_id).join(Handoff, Handoff.id == Alert.handoff_id)
    of_others = others.where(Handoff.conversation_id != conversation.id)
    paged = select(Alert.message_id).where(Alert.handoff_id.in_(handoffs))
    alerts = Message.id.in_(paged) & Message.id.not_in(of_others)
    forget_texts(session, alerts, now=now)
    erase_words(session, Message.words, alerts)
    _erase_texts_of_holders(session, conversation, now=now)
    session.execute(delete(Note).where(Note.handoff_id.in_(handoffs)))
    # The reason for closing it: the only field of a move that the database lets us clear.
    reasons = HandoffEvent.note.is_not(None) & HandoffEvent.handoff_id.in_(handoffs)
    erase_words(session, HandoffEvent.note, reasons, to=None)
    erase_words(session, Transfer.note, Transfer.handoff_id.in_(handoffs), to=None)
    debriefs = Debrief.handoff_id.in_(handoffs) & Debrief.person_id.not_in(held_people())
    erase_debriefs(session, debriefs, now=now)
    verdicts = VerdictRecord.conversation_id == conversation.id
    erase_words(session, VerdictRecord.note, verdicts, to=None)


def erase_debriefs(session: Session, where: ColumnElement[bool], *, now: datetime) -> None:
    for debrief in session.scalars(select(Debrief).where(where)):
        destroy_key(session, debrief.key_id, now=now)
        debrief.words, debrief.key_id = None, create_key(session)
    session.flush()


def _erase_texts_of_holders(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """Texts that we did not link to a mentee, by everybody who held this one at some time, from the
    opening until a week after the end. Such a text may be about the mentee, like a debrief. It has
    a key of its own.
    """
    # The moves, because a handoff itself has only its last holder.
    held = (
        select(HandoffEvent.by_id, Handoff.opened_at, Handoff.closed_at)
        .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
        .where(Handoff.conversation_id == conversation.id, HandoffEvent.move == Move.CLAIM)
        .distinct()
    )
    for holder, opened_at, closed in session.execute(held).all():
        closed_at = closed or now
        thread = select(Conversation.id).where(
            Conversation.person_id == holder, Conversation.person_id.not_in(held_people())
        )
        unlinked = (
            Message.conversation_id.in_(thread)
            & Message.key_id.is_not(None)
            & Message.at.between(opened_at, closed_at + AFTERWARD)
        )
        forget_texts(session, unlinked, now=now)
        erase_words(session, Message.words, unlinked, key_id=None)


def forget_texts(
    session: Session, where: ColumnElement[bool], *, now: datetime, copies: bool = True
) -> None:
    """Destroy the keys that single texts have, and note the texts so that none comes again.

    Twilio can send us the same signed request again at any time. It also keeps copies; with
    `copies`, it is asked to delete them, unless it was asked before.
    """
    texts = select(
        Message.provider_id, Message.outgoing, Message.channel, Message.key_id, Message.copy_due
    )
    for text in session.execute(texts.where(where)).all():
        if text.key_id is not None:
            destroy_key(session, text.key_id, now=now)
        if text.provider_id is None or text.channel is Channel.WEB:
            continue
        if copies and text.channel in (Channel.SMS, Channel.WHATSAPP) and not text.copy_due:
            ask_for_copy(session, text.provider_id, now=now)
        if not text.outgoing:
            hashed = provider_hash(text.provider_id)
            _add_if_missing(session, ErasedText, provider_hash=hashed, at=now)
    tries = FailedTry.message_id.in_(select(Message.id).where(where))
    if copies:
        for provider_id in session.scalars(select(FailedTry.provider_id).where(tries)).all():
            ask_for_copy(session, provider_id, now=now)
    session.execute(delete(FailedTry).where(tries))


def ask_for_copy(session: Session, provider_id: str, *, now: datetime) -> None:
    """Note that the provider is to delete its copy of a text."""
    _add_if_missing(session, ProviderCopy, provider_id=provider_id, at=now, next_try_at=now)


def _add_if_missing(session: Session, table: type[Base], **values: Any) -> None:
    key = next(iter(values.values()))
    if session.get(table, key) is None:
        session.execute(insert(table).values(**values))
