"""Recording incoming messages: one row for each, however often it is sent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CompoundSelect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from escalation.received.phone_text import read_phone_text
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread, is_staffs
from gateway.runtime.database import Database
from gateway.runtime.user_input import as_e164, kept_words
from models import (
    WRONG_NUMBER,
    Channel,
    Conversation,
    ErasedText,
    Message,
    Person,
    Program,
    Speaker,
    TextKind,
    create_key,
    keys,
    phone_index,
    provider_hash,
)


class NoProgram(Exception):
    def __init__(self) -> None:
        super().__init__(
            "No program is set up, so no one can be answered. Run `warmline enroll people.csv`, "
            "or `warmline demo` for the demo's people."
        )


@dataclass(frozen=True)
class Incoming:
    """A message that has arrived. `provider_id` is unique, and the same for each copy of it."""

    words: str
    provider_id: str
    channel: Channel
    media: int = 0
    kind: TextKind | None = None


def record(
    database: Database, incoming: Incoming, *, phone: str, to: str | None = None, now: datetime
) -> int | None:
    """Record a text from `phone`. Returns its conversation, or None if it was recorded before,
    also when it has been erased since.

    The database decides, by the unique provider id: of fifty copies at once, one is recorded.

    Raises:
        NoProgram: there is no program to answer for.
    """
    number = as_e164(phone) or phone
    try:
        with database.writing() as session:
            conversation = _lock_thread(session, number, incoming, to=to)
            if conversation is None:
                return None
            _insert(session, conversation, incoming, number=number, now=now)
            return conversation.id
    except IntegrityError:
        same = select(Message.id).where(Message.provider_id == incoming.provider_id)
        with database.reading() as session:
            if session.scalar(same):
                return None
        # Two first messages from one unknown number at the same moment: the thread exists now.
        return record(database, incoming, phone=phone, to=to, now=now)


@dataclass(frozen=True)
class Recorded:
    """A message from the chat. `again` says that it was recorded before."""

    conversation_id: int
    message_id: int
    again: bool


def record_on_web(
    database: Database, person: Person, words: str, *, key: str, rules: Rules, now: datetime
) -> Recorded:
    """Record what a signed-in mentee wrote in the chat.

    The page makes one `key` for each message and sends it again with every try. The same words
    with the same key are one message. Other words with it are another: the browser's back button
    brings an old form back.

    Raises:
        IntegrityError: the person was deleted.
    """
    words = kept_words(words)
    number, thread_just_began = 0, False
    while True:
        provider_id = f"WB{person.id}:{key}" + (f".{number}" if number else "")
        incoming = Incoming(words, provider_id, Channel.WEB)
        try:
            with database.writing() as session:
                thread_id = get_thread(session, rules, session.get_one(Person, person.id)).id
                # Locked, so that ids grow as rows appear: an open chat asks for what came after
                # its last id.
                conversation = lock_conversation(session, thread_id)
                message = _insert(session, conversation, incoming, now=now)
                return Recorded(conversation.id, message.id, again=False)
        except IntegrityError:
            with database.reading() as session:
                before = session.scalar(select(Message).where(Message.provider_id == provider_id))
            if before is not None and before.words == words:
                return Recorded(before.conversation_id, before.id, again=True)
            if before is not None:
                number += 1  # other words have this key
            elif thread_just_began:
                raise
            else:
                thread_just_began = True  # by another request; try once more


def _insert(
    session: Session,
    conversation: Conversation,
    incoming: Incoming,
    *,
    number: str | None = None,
    now: datetime,
) -> Message:
    """The caller has locked the conversation."""
    _mend(session, conversation, number)
    person = conversation.person
    message = Message(
        conversation_id=conversation.id,
        key_id=create_key(session) if is_staffs(conversation) else None,
        at=now,
        moved_at=now,
        outgoing=False,
        words=kept_words(incoming.words),
        channel=incoming.channel,
        media=incoming.media,
        kind=incoming.kind or _read_kind(incoming),
        provider_id=incoming.provider_id,
        speaker=Speaker(person.role.value) if person else Speaker.UNKNOWN,
        speaker_id=person.id if person else None,
        speaker_name=person.name if person else None,
    )
    session.add(message)
    conversation.channel = incoming.channel
    is_wrong = person is not None and person.unreachable_code == WRONG_NUMBER
    if person is not None and incoming.channel is not Channel.WEB and not is_wrong:
        person.unreachable_code = None  # a text from the number: it works again
    session.flush()
    return message


def _mend(session: Session, conversation: Conversation, number: str | None) -> None:
    """An older copy of the database can hold somebody who was erased since: their key is gone. We
    record what they write now all the same, and answer at the number that they write from.
    """
    person = conversation.person
    if not keys().has(conversation.key_id):
        conversation.key_id = create_key(session)
        if person is not None:
            person.key_id = conversation.key_id
    if number is not None and conversation.phone != number:
        if person is None:
            conversation.stranger_phone = number
        else:
            # If an erasure has just taken the number, the database refuses it, and `record` tries
            # again.
            person.phone = number


def _read_kind(incoming: Incoming) -> TextKind | None:
    if incoming.channel is Channel.WEB:
        return None  # written in our own page
    read = read_phone_text(incoming.words)
    return read.kind if read else None


def _lock_thread(
    session: Session, number: str, incoming: Incoming, *, to: str | None
) -> Conversation | None:
    """The thread of a number, which may begin now. None if the text was erased, and the provider
    sends it again."""
    index = phone_index(number)
    was_erased = select(ErasedText.at).where(
        ErasedText.provider_hash == provider_hash(incoming.provider_id)
    )
    found = select(_find_thread(index).scalar_subquery(), was_erased.scalar_subquery())
    while True:
        thread_id, erased_at = session.execute(found).one()
        if erased_at is not None:
            return None
        if thread_id is None:
            thread_id = _begin_thread(session, number, channel=incoming.channel, to=to)
        conversation = lock_conversation(session, thread_id)
        person = conversation.person
        if index == (person.phone_index if person else conversation.stranger_index):
            return conversation
        # While we waited for the lock, an erasure or a new number took this number from its thread.


def _find_thread(index: str) -> CompoundSelect[int]:
    """The thread of the person who has a number; otherwise the one of the number itself."""
    of_person = select(Conversation.id).join(Person).where(Person.phone_index == index)
    of_number = select(Conversation.id).where(
        Conversation.stranger_index == index,
        ~select(Person.id).where(Person.phone_index == index).exists(),
    )
    return of_person.union_all(of_number)


def _begin_thread(session: Session, number: str, *, channel: Channel, to: str | None) -> int:
    index = phone_index(number)
    person = session.scalar(select(Person).where(Person.phone_index == index))
    if person:
        conversation = Conversation(program_id=person.program_id, person=person, channel=channel)
    else:
        program = _program_texted(session, to)
        conversation = Conversation(
            program_id=program.id, stranger_phone=number, stranger_index=index, channel=channel
        )
    session.add(conversation)
    session.flush()
    return conversation.id


def _program_texted(session: Session, to: str | None) -> Program:
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    if not programs:
        raise NoProgram
    number = as_e164(to) if to else None
    return next((p for p in programs if p.phone and p.phone == number), programs[0])
