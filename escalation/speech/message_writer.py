"""Writing messages into a conversation. Whoever speaks is written on the row for good.

The only place where the bot's messages are written, and so where the authenticity guard stands.
"""

from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.ruleset import Rules
from escalation.speech.guard import Claim, Kind, claims
from escalation.speech.i18n import DEFAULT_LANGUAGE, known_to_staff
from escalation.speech.script import load_script
from models import Channel, Conversation, Delivery, Message, Person, Role, Speaker

log = structlog.get_logger()

SPOKEN_IN = "spoken in"
# The one text that still leaves after a stop: it confirms it.
STOP_CONFIRMED = "stop_confirmed"
REPLACED = "replaced by the guard"


def say(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    *keys: str,
    now: datetime,
    **blanks: object,
) -> Message:
    """Write lines of the script, joined, as one message of the bot, in its reader's language."""
    language = conversation_language(conversation)
    words = " ".join(rules.script.line(key, language=language, **blanks) for key in keys)
    return _write(
        session,
        conversation,
        words,
        now=now,
        script="+".join(keys)[:60],
        # What stands in the blanks are names, and other people's words.
        own_words=" ".join(rules.script.lines[key] for key in keys),
    )


def say_by_text(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    key: str,
    *,
    now: datetime,
    **blanks: object,
) -> Message:
    """Write a line that goes to the person's phone, wherever they wrote last."""
    words = rules.script.line(key, language=conversation_language(conversation), **blanks)
    return _write(
        session,
        conversation,
        words,
        now=now,
        script=key,
        own_words=rules.script.lines[key],
        channel=rules.texting,
    )


def speak_as_bot(
    session: Session,
    conversation: Conversation,
    words: str,
    *,
    now: datetime,
    dropped: bool,
    own_words: str | None = None,
) -> Message:
    """Write Rasa's own words; `dropped` when a person has taken the conversation meanwhile.

    `own_words` are the same in English where `words` are a translation: the guard reads English.
    """
    message = _write(session, conversation, words, now=now, own_words=own_words)
    if dropped:
        message.delivery, message.error_code = Delivery.DROPPED, "yielded_to_person"
    return message


def speak_as_person(
    session: Session,
    conversation: Conversation,
    person: Person,
    words: str,
    *,
    now: datetime,
    relayed_from: Message | None = None,
) -> Message:
    return _write(session, conversation, words, now=now, person=person, relayed_from=relayed_from)


def say_unless_said_lately(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    key: str,
    *,
    within_minutes: float,
    now: datetime,
    **blanks: object,
) -> None:
    """Write the line `key`, unless the same was said here within that time already.

    With something else in its blanks it is not the same: the news of one mentee is not that of
    another, whom the same mentor has too.
    """
    words = rules.script.line(key, language=conversation_language(conversation), **blanks)
    said = session.scalars(
        select(Message).where(
            Message.conversation_id == conversation.id,
            Message.script == key,
            Message.at > now - timedelta(minutes=within_minutes),
        )
    )
    if all(message.words != words for message in said):
        say(session, rules, conversation, key, now=now, **blanks)


def conversation_language(conversation: Conversation) -> str:
    """What the reader of a thread wants to read: a number that nobody enrolled, English."""
    person = conversation.person
    if person is None:
        return DEFAULT_LANGUAGE
    return person.language if person.role is Role.MENTEE else known_to_staff(person.language)


def get_thread(session: Session, rules: Rules, person: Person) -> Conversation:
    """The person's conversation, begun on the program's texting channel if there is none."""
    thread = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    if thread is None:
        thread = Conversation(program_id=person.program_id, person=person, channel=rules.texting)
        session.add(thread)
        session.flush()
    return thread


def _write(
    session: Session,
    conversation: Conversation,
    words: str,
    *,
    now: datetime,
    person: Person | None = None,
    relayed_from: Message | None = None,
    script: str | None = None,
    own_words: str | None = None,
    channel: Channel | None = None,
) -> Message:
    """Write one message: a person's, or else the bot's, which the guard may replace.

    `own_words` are those that the bot says itself, in English, which is what the guard reads;
    `words` may hold others' too, and be in another language. It goes by `channel`, or to where
    the person reads. On the web a row that is written is sent: the page shows it, and nothing
    more is to be done.
    """
    _hold_thread(session, conversation)
    if person is None and (found := claims(own_words or words)):
        words = _neutral_words(conversation_language(conversation))
        _note_replaced(session, conversation, found, script=script)
    channel = channel or _where_read(session, conversation)
    on_web = channel is Channel.WEB
    # STOP is consent: what may not be sent is still written, so that the log shows it.
    opted_out = not on_web and _stopped_texts(conversation)
    message = Message(
        conversation_id=conversation.id,
        at=now,
        outgoing=True,
        speaker=Speaker(person.role.value) if person else Speaker.BOT,
        speaker_id=person.id if person else None,
        speaker_name=person.name if person else None,
        words=words,
        script=script,
        relayed_from_id=relayed_from.id if relayed_from else None,
        channel=channel,
        handled_at=now,
        moved_at=now,
        delivery=(Delivery.SENT if on_web else Delivery.DROPPED if opted_out else Delivery.QUEUED),
        sent_at=now if on_web else None,
        error_code="opted_out" if opted_out else None,
    )
    session.add(message)
    session.flush()
    session.info.setdefault(SPOKEN_IN, set()).add(conversation.id)
    return message


def _hold_thread(session: Session, conversation: Conversation) -> None:
    """Hold a mentee's thread until this transaction ends, so that ids grow as rows appear.

    An open page asks for what came after the last id it has shown; a row with a smaller id
    that appeared later would never be shown. Staff's threads have no such page, and whoever
    writes into one may hold a mentee's already.
    """
    if conversation.person is not None and conversation.person.role is not Role.MENTEE:
        return
    session.execute(
        select(Conversation.id)
        .where(Conversation.id == conversation.id)
        .with_for_update(key_share=True)
    )


def _where_read(session: Session, conversation: Conversation) -> Channel:
    """The channel last written on; but who stopped texts and knows the web chat reads there."""
    if conversation.channel is Channel.WEB or not _stopped_texts(conversation):
        return conversation.channel
    on_web = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.channel == Channel.WEB
    )
    return Channel.WEB if session.scalar(on_web.limit(1)) else conversation.channel


def _stopped_texts(conversation: Conversation) -> bool:
    return conversation.person is not None and conversation.person.opted_out_at is not None


def _note_replaced(
    session: Session, conversation: Conversation, found: tuple[Claim, ...], *, script: str | None
) -> None:
    kind = found[0].kind
    session.info.setdefault(REPLACED, []).append(kind)
    log.warning(
        "the guard replaced a text",
        conversation=conversation.id,
        kind=kind.value,
        rules=sorted({claim.rule for claim in found}),
        script=script,
    )


@cache
def _neutral_words(language: str) -> str:
    return load_script().line("guard_neutral", language=language)


def replaced_by_guard(session: Session) -> list[Kind]:
    """What the texts claimed that the guard has replaced in this session."""
    replaced: list[Kind] = session.info.get(REPLACED, [])
    return replaced


def spoken_in(session: Session) -> set[int]:
    """The conversations into which this session has written, for delivery after its commit."""
    spoken: set[int] = session.info.get(SPOKEN_IN, set())
    return spoken
