"""Erasing mentees some days after they asked for it, and what is left to do after an erasure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bot.client import BotAway
from escalation.handoffs.handoffs import get_open_handoff, lock_conversation, withdraw
from escalation.handoffs.jobs import Work, enqueue
from gateway.conversations.said import ERASURE
from gateway.messaging.outbox import acting
from gateway.privacy.erasure import Erase, erase, erasure_due_at, why_not_erasable
from gateway.privacy.retention import delete_by_age
from gateway.runtime.line import Line, TextFailed
from models import Conversation, KeyToDestroy, Message, Program, ProviderCopy, literal_in

log = structlog.get_logger()

TRY_AGAIN = timedelta(hours=1)
DAILY = timedelta(days=1)
# How many of the provider's copies one job deletes.
COPIES_AT_ONCE = 50
# A job that takes longer stops, and another one goes on: a gateway that stops waits five seconds.
LONGEST = timedelta(seconds=4)


@dataclass(frozen=True)
class ForgetInBot(Work):
    """Delete the bot's copy of an erased conversation."""

    name: ClassVar[str] = "forget_in_bot"
    queue: ClassVar[str] = "scheduled"
    conversation_id: int


@dataclass(frozen=True)
class DestroyKeys(Work):
    """Finish what a process left undone that died right after an erasure."""

    name: ClassVar[str] = "destroy_keys"
    queue: ClassVar[str] = "scheduled"


@dataclass(frozen=True)
class DeleteCopies(Work):
    """Delete the provider's copies of texts."""

    name: ClassVar[str] = "delete_copies"
    queue: ClassVar[str] = "scheduled"


@dataclass(frozen=True)
class DeleteOldData(Work):
    """Delete what policy.toml, [retention], says is old enough. Once a day."""

    name: ClassVar[str] = "delete_old_data"
    queue: ClassVar[str] = "scheduled"


def delete_old_data(line: Line, job: DeleteOldData) -> None:
    now = line.clock()
    with line.database.reading() as session:
        programs = session.scalars(select(Program.id)).all()
        policies = {one: line.of(session, one).rules.policy.retention for one in programs}
    must_stop = _stops(line)
    deleted = delete_by_age(line.database, policies, now=now, must_stop=must_stop)
    log.info("deleted by age", rows=sum(sum(each.values()) for each in deleted.values()))
    with line.database.writing() as session:
        enqueue(session, job, at=line.clock() if must_stop() else now + DAILY)


def run_erasure(line: Line, job: Erase) -> None:
    """Erase a mentee once it is due. While something prevents it, we try again every hour."""
    conversation_id, now = job.conversation_id, line.clock()
    with acting(line) as session:
        conversation = lock_conversation(session, conversation_id)
        tx, person = line.of(session, conversation.program_id).at(session), conversation.person
        due_at = erasure_due_at(tx, conversation)
        if due_at is None or person is None:
            return
        if now < due_at or not _may_erase(session, conversation):
            enqueue(session, job, at=max(due_at, now + TRY_AGAIN))
            return
        handoff = get_open_handoff(session, conversation)
        if handoff is not None:
            withdraw(tx, handoff)
        erase(session, person, by=person, now=now)
        enqueue(session, ForgetInBot(conversation_id), at=now)
        enqueue(session, DeleteCopies(), at=now)
    line.database.destroy_due_keys()
    log.info("erased at the mentee's request", conversation=conversation_id)


def forget_in_bot(line: Line, job: ForgetInBot) -> None:
    """The words in the house are gone already. While the bot is away, the watchdog tries again."""
    try:
        line.bot.forget(job.conversation_id)
    except BotAway as away:
        log.warning(
            "the bot still has erased words", conversation=job.conversation_id, why=str(away)
        )
        return
    forgotten = update(Conversation).where(Conversation.id == job.conversation_id)
    with line.database.writing() as session:
        session.execute(forgotten.values(forget_due_at=None))


def destroy_keys(line: Line, _: DestroyKeys) -> None:
    line.database.destroy_due_keys()


def delete_copies(line: Line, _: DeleteCopies) -> None:
    """Delete some. The watchdog sees what is left."""
    now, must_stop = line.clock(), _stops(line)
    with line.database.reading() as session:
        due = select(ProviderCopy.provider_id).where(ProviderCopy.next_try_at <= now)
        found = session.scalars(due.order_by(ProviderCopy.at).limit(COPIES_AT_ONCE)).all()
    for provider_id in found:
        if must_stop():
            return
        copy = ProviderCopy.provider_id == provider_id
        try:
            line.texts.forget(provider_id)
        except TextFailed as failed:
            log.warning("the provider keeps a copy for now", code=failed.code)
            later = update(ProviderCopy).where(copy).values(next_try_at=now + TRY_AGAIN)
            with line.database.writing() as session:
                session.execute(later)
            continue
        with line.database.writing() as session:
            session.execute(delete(ProviderCopy).where(copy))


def conversations_to_forget(line: Line, session: Session, before: datetime) -> list[Work]:
    due = select(Conversation.id).where(Conversation.forget_due_at < before)
    return [ForgetInBot(number) for number in session.scalars(due)]


def keys_to_destroy(line: Line, session: Session, before: datetime) -> list[Work]:
    due = select(KeyToDestroy.key_id).where(KeyToDestroy.at < before)
    return [DestroyKeys()] if session.scalar(due.limit(1)) else []


def copies_to_delete(line: Line, session: Session, before: datetime) -> list[Work]:
    due = select(ProviderCopy.provider_id).where(ProviderCopy.next_try_at < before)
    return [DeleteCopies()] if session.scalar(due.limit(1)) else []


def erasures_due(line: Line, session: Session, before: datetime) -> list[Work]:
    latest = (
        select(func.max(Message.id))
        .where(literal_in(Message.script, ERASURE))
        .group_by(Message.conversation_id)
    )
    asked = select(Message.conversation_id).where(
        Message.id.in_(latest), Message.script == "erase_set"
    )
    found: list[Work] = []
    for conversation_id in session.scalars(asked.order_by(Message.id)).all():
        conversation = session.get_one(Conversation, conversation_id)
        here = line.of(session, conversation.program_id)
        due_at = erasure_due_at(here.at(session), conversation)
        if due_at is not None and due_at <= before and conversation.person is not None:
            found.append(Erase(conversation_id))
    return found


def _stops(line: Line) -> Callable[[], bool]:
    until = line.clock() + LONGEST
    return lambda: line.clock() >= until


def _may_erase(session: Session, conversation: Conversation) -> bool:
    assert conversation.person is not None
    unhandled = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.handled_at.is_(None)
    )
    if session.scalar(unhandled.limit(1)) is not None:
        return False  # what they have just written may cancel it
    return why_not_erasable(session, conversation.person) is None
