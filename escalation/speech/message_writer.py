"""The only place that writes outgoing messages, so that the authenticity guard checks each one.

The speaker of a message is written once and never changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.codes import handoff_with_code
from escalation.ruleset import Rules
from escalation.speech.guard import Claim, Kind, claims
from escalation.speech.i18n import DEFAULT_LANGUAGE, known_to_staff
from escalation.speech.script import load_script
from models import (
    Channel,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Person,
    Role,
    Speaker,
    hold_thread,
)

log = structlog.get_logger()

SPOKEN_IN = "spoken in"
# The texts that we still send after a stop: they confirm the stop.
STOP_CONFIRMED = "stop_confirmed"
WRONG_NUMBER_CONFIRMED = "wrong_number_confirmed"
CONFIRM_STOP = frozenset({STOP_CONFIRMED, WRONG_NUMBER_CONFIRMED})
REPLACED = "replaced by the guard"


@dataclass(frozen=True)
class _Draft:
    """A message of `person`, or of the bot.

    `words` can include other people's words and be a translation. `own_words` are the bot's part of
    them, in English, because the guard reads English. Without `channel`, the message goes where the
    person reads.
    """

    words: str
    own_words: str | None = None
    script: str | None = None
    channel: Channel | None = None
    person: Person | None = None
    relayed_from: Message | None = None
    # The code by which the reader knows the handoff that a text to staff is about.
    code: str | None = None


def _from_script(
    rules: Rules, conversation: Conversation, keys: Sequence[str], blanks: Mapping[str, Any]
) -> _Draft:
    language, script = conversation_language(conversation), rules.script
    return _Draft(
        " ".join(script.line(key, language=language, **blanks) for key in keys),
        # Without blanks: they hold names and other people's words.
        own_words=" ".join(script.lines[key] for key in keys),
        script="+".join(keys)[:60],
        code=blanks.get("code"),
    )


def say(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    *keys: str,
    now: datetime,
    **blanks: object,
) -> Message:
    return _write(session, conversation, _from_script(rules, conversation, keys, blanks), now)


def say_by_text(
    session: Session,
    rules: Rules,
    conversation: Conversation,
    key: str,
    *,
    now: datetime,
    **blanks: object,
) -> Message:
    """Write a script line that goes to the person's phone, even if they use the web chat."""
    draft = replace(_from_script(rules, conversation, [key], blanks), channel=rules.texting)
    return _write(session, conversation, draft, now)


def speak_as_bot(
    session: Session,
    conversation: Conversation,
    words: str,
    *,
    now: datetime,
    dropped: bool,
    own_words: str | None = None,
) -> Message:
    """Write Rasa's answer; `dropped` if a person took the conversation in the meantime.

    `own_words`: the English original if `words` are a translation.
    """
    message = _write(session, conversation, _Draft(words, own_words), now)
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
    draft = _Draft(words, person=person, relayed_from=relayed_from)
    return _write(session, conversation, draft, now)


def conversation_language(conversation: Conversation) -> str:
    """The reader's language; English for numbers that are not enrolled."""
    person = conversation.person
    if person is None:
        return DEFAULT_LANGUAGE
    return person.language if person.role is Role.MENTEE else known_to_staff(person.language)


def _handoff_meant(
    session: Session, conversation: Conversation, code: str | None
) -> Handoff | None:
    if code is None or conversation.person is None or not is_staffs(conversation):
        return None
    return handoff_with_code(session, conversation.person, code)


def is_staffs(conversation: Conversation) -> bool:
    """Whether it is the thread of a mentor or manager."""
    return conversation.person is not None and conversation.person.role is not Role.MENTEE


def get_thread(session: Session, rules: Rules, person: Person) -> Conversation:
    """The person's conversation. Creates one on the program's texting channel if needed."""
    thread = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
    if thread is None:
        thread = Conversation(program_id=person.program_id, person=person, channel=rules.texting)
        session.add(thread)
        session.flush()
    return thread


def _write(session: Session, conversation: Conversation, draft: _Draft, now: datetime) -> Message:
    """Write the message; the guard can replace the bot's words.

    It has an id after the next flush: a reply is several messages, which are written together.

    A message on the web counts as sent at once, because the page shows the row.
    """
    if not is_staffs(conversation):
        # So that ids grow in commit order: an open page asks for rows after the last id it showed,
        # and would miss a smaller id that is committed later. Staff threads have no such page, and
        # their writer may hold a mentee's lock.
        hold_thread(session, conversation.id)
    words, person = draft.words, draft.person
    if person is None and (found := claims(draft.own_words or words)):
        words = _neutral_words(conversation_language(conversation))
        _note_replaced(session, conversation, found, script=draft.script)
    channel = draft.channel or _where_read(session, conversation)
    on_web = channel is Channel.WEB
    # After STOP we must not send it, but the row shows that there was a message.
    opted_out = not on_web and conversation.has_stopped_texts
    handoff = _handoff_meant(session, conversation, draft.code)
    message = Message(
        conversation_id=conversation.id,
        about_id=handoff.conversation_id if handoff else None,
        at=now,
        outgoing=True,
        speaker=Speaker(person.role.value) if person else Speaker.BOT,
        speaker_id=person.id if person else None,
        speaker_name=person.name if person else None,
        words=words,
        script=draft.script,
        relayed_from_id=draft.relayed_from.id if draft.relayed_from else None,
        channel=channel,
        handled_at=now,
        moved_at=now,
        delivery=(Delivery.SENT if on_web else Delivery.DROPPED if opted_out else Delivery.QUEUED),
        sent_at=now if on_web else None,
        error_code="opted_out" if opted_out else None,
    )
    session.add(message)
    note_spoken(session, conversation.id)
    return message


def _where_read(session: Session, conversation: Conversation) -> Channel:
    """The channel last used; the web chat if they stopped texts and have used it."""
    if conversation.channel is Channel.WEB or not conversation.has_stopped_texts:
        return conversation.channel
    on_web = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.channel == Channel.WEB
    )
    return Channel.WEB if session.scalar(on_web.limit(1)) else conversation.channel


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
    replaced: list[Kind] = session.info.get(REPLACED, [])
    return replaced


def note_spoken(session: Session, conversation_id: int) -> None:
    """There is something to send in this conversation when the transaction is committed."""
    session.info.setdefault(SPOKEN_IN, set()).add(conversation_id)


def spoken_in(session: Session) -> set[int]:
    spoken: set[int] = session.info.get(SPOKEN_IN, set())
    return spoken
