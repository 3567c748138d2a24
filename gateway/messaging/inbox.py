"""Recording what comes in: one row for each message, whoever sends it and however often."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from escalation.ruleset import Rules
from escalation.speech.message_writer import get_thread
from gateway.runtime.database import Database
from gateway.runtime.phone_numbers import as_e164
from gateway.runtime.stored_text import kept_words
from models import Channel, Conversation, Message, Person, Program, Speaker
from models.encryption import phone_index


class NoProgram(Exception):
    def __init__(self) -> None:
        super().__init__(
            "No program is set up, so nobody can be answered. Run `warmline enroll people.csv`, "
            "or `warmline demo` for the demo's people."
        )


def record(
    database: Database,
    *,
    phone: str,
    words: str,
    provider_id: str,
    channel: Channel,
    media: int = 0,
    to: str | None = None,
    now: datetime,
) -> int | None:
    """Keep one incoming message and return its conversation; None for one already kept.

    The unique provider id decides, inside the insert: of fifty copies at once, one is kept.

    Raises:
        NoProgram: there is nobody to answer for.
    """
    try:
        with database.writing() as session:
            conversation = _get_conversation(session, phone, channel=channel, to=to)
            _keep(session, conversation, words, provider_id, channel=channel, media=media, now=now)
            return conversation.id
    except IntegrityError:
        with database.reading() as session:
            if session.scalar(select(Message.id).where(Message.provider_id == provider_id)):
                return None
        # Two first messages of one stranger at the same moment: the thread exists now.
        return record(
            database,
            phone=phone,
            words=words,
            provider_id=provider_id,
            channel=channel,
            media=media,
            to=to,
            now=now,
        )


@dataclass(frozen=True)
class Recorded:
    """What was written on the web, as it is kept. `again`: it had been kept before."""

    conversation_id: int
    message_id: int
    again: bool


def record_on_web(
    database: Database, person: Person, words: str, *, key: str, rules: Rules, now: datetime
) -> Recorded:
    """Keep what a signed-in mentee wrote in the chat.

    The page makes one `key` for each message, and sends it again with every try: the same words
    with the same key are one message. Other words with it (the back button brings an old form
    back) are another.

    Raises:
        IntegrityError: the person is gone.
    """
    words = kept_words(words)
    number, begun_elsewhere = 0, 0
    while True:
        provider_id = f"WB{person.id}:{key}" + (f".{number}" if number else "")
        try:
            with database.writing() as session:
                here = session.get_one(Person, person.id)
                conversation = get_thread(session, rules, here)
                kept = _keep(
                    session, conversation, words, provider_id, channel=Channel.WEB, media=0, now=now
                )
                return Recorded(conversation.id, kept.id, again=False)
        except IntegrityError:
            with database.reading() as session:
                before = session.scalar(select(Message).where(Message.provider_id == provider_id))
            if before is not None and before.words == words:
                return Recorded(before.conversation_id, before.id, again=True)
            if before is not None:
                number += 1  # other words took this key
            elif begun_elsewhere:
                raise
            else:
                begun_elsewhere += 1  # the thread was begun at this very moment


def _keep(
    session: Session,
    conversation: Conversation,
    words: str,
    provider_id: str,
    *,
    channel: Channel,
    media: int,
    now: datetime,
) -> Message:
    # Held, so that ids grow as rows appear: an open chat asks for what came after its last one.
    lock_conversation(session, conversation.id)
    message = Message(
        conversation_id=conversation.id,
        at=now,
        moved_at=now,
        outgoing=False,
        words=kept_words(words),
        channel=channel,
        media=media,
        provider_id=provider_id,
        **_speaker(conversation.person),
    )
    session.add(message)
    conversation.channel = channel
    session.flush()
    return message


def _speaker(person: Person | None) -> dict[str, object]:
    if person is None:
        return {"speaker": Speaker.UNKNOWN}
    return {
        "speaker": Speaker(person.role.value),
        "speaker_id": person.id,
        "speaker_name": person.name,
    }


def _get_conversation(
    session: Session, phone: str, *, channel: Channel, to: str | None
) -> Conversation:
    number = as_e164(phone) or phone
    index = phone_index(number)
    person = session.scalar(select(Person).where(Person.phone_index == index))
    conversation = session.scalar(
        select(Conversation).where(
            Conversation.person_id == person.id if person else Conversation.stranger_index == index
        )
    )
    if conversation is not None:
        return conversation
    if person:
        conversation = Conversation(program_id=person.program_id, person=person, channel=channel)
    else:
        conversation = Conversation(
            program_id=_program_texted(session, to).id,
            stranger_phone=number,
            stranger_index=index,
            channel=channel,
        )
    session.add(conversation)
    session.flush()
    return conversation


def _program_texted(session: Session, to: str | None) -> Program:
    programs = session.scalars(select(Program).order_by(Program.id)).all()
    if not programs:
        raise NoProgram
    number = as_e164(to) if to else None
    return next((p for p in programs if p.phone and p.phone == number), programs[0])
