"""Writing messages into a conversation. Whoever speaks is written on the row for good.

The only place where the bot's messages are written, and so where the authenticity guard stands.
"""

from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.guard import Claim, Kind, claims
from escalation.rules import Rules
from escalation.script import load_script
from models import Conversation, Delivery, Message, Person, Speaker

log = structlog.get_logger()

SPOKEN_IN = "spoken in"
REPLACED = "replaced by the guard"


def say(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    *keys: str,
    now: datetime,
    **blanks: object,
) -> Message:
    """Write lines of the script, joined, as one message of the bot."""
    words = " ".join(rules.script.line(key, **blanks) for key in keys)
    return _write(
        session,
        conversation,
        words,
        now=now,
        script="+".join(keys)[:60],
        # What stands in the blanks are names, and other people's words.
        own_words=" ".join(rules.script.lines[key] for key in keys),
    )


def speak_as_bot(
    session: Session, conversation: Conversation, words: str, *, now: datetime, dropped: bool
) -> Message:
    """Write Rasa's own words; `dropped` when a person has taken the conversation meanwhile."""
    message = _write(session, conversation, words, now=now)
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
    """Write the line `key`, unless it was said here within that time already."""
    said = session.scalar(
        select(Message.id)
        .where(
            Message.conversation_id == conversation.id,
            Message.script == key,
            Message.at > now - timedelta(minutes=within_minutes),
        )
        .limit(1)
    )
    if said is None:
        say(session, rules, conversation, key, now=now, **blanks)


def thread_of(session: Session, rules: Rules, person: Person) -> Conversation:
    """The person's conversation, begun on the programme's texting channel if there is none."""
    thread = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    if thread is None:
        thread = Conversation(
            programme_id=person.programme_id, person=person, channel=rules.texting
        )
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
) -> Message:
    """Write one message: a person's, or else the bot's, which the guard may replace.

    `own_words` are those that the bot says itself, where `words` holds others' too.
    """
    if person is None and (found := claims(own_words or words)):
        words = _neutral_words()
        _note_replaced(session, conversation, found, script=script)
    # STOP is consent: what may not be sent is still written, so that the log shows it.
    opted_out = conversation.person is not None and conversation.person.opted_out_at is not None
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
        channel=conversation.channel,
        handled_at=now,
        moved_at=now,
        delivery=Delivery.DROPPED if opted_out else Delivery.QUEUED,
        error_code="opted_out" if opted_out else None,
    )
    session.add(message)
    session.flush()
    session.info.setdefault(SPOKEN_IN, set()).add(conversation.id)
    return message


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
def _neutral_words() -> str:
    return load_script().line("guard_neutral")


def replaced_by_guard(session: Session) -> list[Kind]:
    """What the texts claimed that the guard has replaced in this session."""
    replaced: list[Kind] = session.info.get(REPLACED, [])
    return replaced


def spoken_in(session: Session) -> set[int]:
    """The conversations into which this session has written, for delivery after its commit."""
    spoken: set[int] = session.info.get(SPOKEN_IN, set())
    return spoken
