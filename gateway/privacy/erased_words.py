"""Deleting the words of one thread, and what staff wrote about it.

A key is destroyed after this, so whatever stays has to be written anew with another key.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import (
    HOUSE,
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
    Note,
    ProviderCopy,
    SkillUse,
    Transfer,
    VerdictRecord,
    destroy_key,
    keys,
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
    """What mentors and managers wrote about a mentee, or to them, outside of the thread."""
    handoffs = select(Handoff.id).where(Handoff.conversation_id == conversation.id)
    about = Message.about_id == conversation.id
    forget_texts(session, about, now=now)
    erase_words(session, Message.words, about)
    _erase_texts_of_holders(session, conversation, now=now)
    session.execute(delete(Note).where(Note.handoff_id.in_(handoffs)))
    # The reason for closing it: the only field of a move that the database lets us clear.
    reasons = HandoffEvent.note.is_not(None) & HandoffEvent.handoff_id.in_(handoffs)
    erase_words(session, HandoffEvent.note, reasons, to=None)
    erase_words(session, Transfer.note, Transfer.handoff_id.in_(handoffs), to=None)
    erase_debriefs(session, Debrief.handoff_id.in_(handoffs), now=now)
    verdicts = VerdictRecord.conversation_id == conversation.id
    erase_words(session, VerdictRecord.note, verdicts, to=None)


def erase_debriefs(session: Session, where: ColumnElement[bool], *, now: datetime) -> None:
    for debrief in session.scalars(select(Debrief).where(where)):
        destroy_key(session, debrief.key_id, now=now)
        debrief.words, debrief.key_id = None, keys().create()
    session.flush()


def _erase_texts_of_holders(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """Texts that we did not link to a mentee, by the mentors who held this one, meanwhile and
    for a week after. Such a text may be about the mentee, like a debrief. It has a key of its own.
    """
    held = select(Handoff.mentor_id, Handoff.opened_at, Handoff.closed_at).where(
        Handoff.conversation_id == conversation.id, Handoff.mentor_id.is_not(None)
    )
    for mentor, opened_at, closed in session.execute(held).all():
        closed_at = closed or now
        thread = select(Conversation.id).where(Conversation.person_id == mentor)
        unlinked = (
            Message.conversation_id.in_(thread)
            & Message.key_id.is_not(None)
            & Message.at.between(opened_at, closed_at + AFTERWARD)
        )
        forget_texts(session, unlinked, now=now)
        erase_words(session, Message.words, unlinked, key_id=None)


def forget_texts(session: Session, where: ColumnElement[bool], *, now: datetime) -> None:
    """Destroy the keys that single texts have, and note the texts so that none comes again.

    Twilio can send us the same signed request again at any time, and it keeps copies.
    """
    texts = select(Message.provider_id, Message.outgoing, Message.channel, Message.key_id)
    for provider_id, outgoing, channel, key_id in session.execute(texts.where(where)).all():
        if key_id is not None:
            destroy_key(session, key_id, now=now)
        if provider_id is None or channel is Channel.WEB:
            continue
        if channel is Channel.SMS:
            _add_if_missing(session, ProviderCopy, provider_id=provider_id, at=now, next_try_at=now)
        if not outgoing:
            _add_if_missing(session, ErasedText, provider_hash=provider_hash(provider_id), at=now)
    tries = select(FailedTry.provider_id).where(
        FailedTry.message_id.in_(select(Message.id).where(where))
    )
    for provider_id in session.scalars(tries).all():
        _add_if_missing(session, ProviderCopy, provider_id=provider_id, at=now, next_try_at=now)


def _add_if_missing(session: Session, table: type[Base], **values: Any) -> None:
    key = next(iter(values.values()))
    if session.get(table, key) is None:
        session.execute(insert(table).values(**values))
