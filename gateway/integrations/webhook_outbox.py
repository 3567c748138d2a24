"""Webhooks post every move of a handoff to other systems: numbers and times, never words.

The table of moves is the outbox. A job looks for moves that have no delivery yet and adds one, so a
webhook never delays a move, and a crash loses nothing. There is one delivery for each webhook and
move. We retry it until the receiver answers 2xx, and give up after a day.
"""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import structlog
from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from escalation.handoffs.jobs import Work, enqueue
from escalation.speech.i18n import gettext_noop, phrase
from gateway.integrations.webhook_client import Answer, read_url, resolve_addresses
from gateway.runtime.audit import note_about
from gateway.runtime.database import Database, lock_program
from models import (
    Conversation,
    Handoff,
    HandoffEvent,
    JsonDict,
    Move,
    Person,
    Program,
    Webhook,
    changes_one,
)
from models import WebhookDelivery as Delivery

log = structlog.get_logger()

MOST = 5
SECRET_BYTES = 32
# After the first try; then it is given up, and a manager may send it again.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
# Whoever takes a delivery has this long for it before another may; longer than a post lasts.
TAKEN_FOR = timedelta(minutes=1)
# Two moves may be written in one order and committed in the other. So many back one looks for one
# that was not there before.
LOOKED_BACK = 1000
AT_ONCE = 200
# How long a delivery that has arrived, or was given up, is kept for managers to look at.
KEPT_FOR = timedelta(days=30)

TYPES = {
    Move.OPEN: "handoff.opened",
    Move.PAGE: "handoff.paged",
    Move.RAISE: "handoff.raised",
    Move.CLAIM: "handoff.claimed",
    Move.RELEASE: "handoff.released",
    Move.RESOLVE: "handoff.resolved",
    Move.WITHDRAW: "handoff.withdrawn",
}


class CannotAdd(Exception):
    """A webhook that is not added. Its text is a sentence: why, and what to do."""


@dataclass(frozen=True)
class Taken:
    """A delivery that is ours to send."""

    delivery_id: int
    url: str
    secret: str
    number: str
    body: str


@dataclass(frozen=True)
class SendWebhook(Work):
    """Send a webhook the next delivery that is due."""

    name: ClassVar[str] = "send_webhook"
    queue: ClassVar[str] = "webhooks"
    webhook_id: int

    @property
    def one_at_a_time(self) -> str:
        return str(self.webhook_id)


# --- what managers do ---


def look_up(written: str, *, demo: bool) -> str:
    """An address as it will be kept. Asks the network, so outside of any transaction.

    Raises:
        NotAllowed, NotFound: nothing can be posted to it.
    """
    url = read_url(written, demo=demo)
    resolve_addresses(url, demo=demo)
    return str(url)


def add_webhook(
    session: Session, program: Program, url: str, *, by: Person, now: datetime
) -> Webhook:
    """Tell `url`, which was looked up, of every move from now on.

    Raises:
        CannotAdd: it is told already, or there are too many.
    """
    lock_program(session, program.id)
    there = list_webhooks(session, program.id)
    if any(one.url == url for one in there):
        raise CannotAdd(
            gettext_noop("This address is told already. Remove it first, for a new secret.")
        )
    if len(there) >= MOST:
        raise CannotAdd(
            phrase("There are {most} addresses. Remove one that is no longer used.", most=MOST)
        )
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    webhook = Webhook(program_id=program.id, url=url, secret=secret, by_id=by.id, at=now)
    session.add(webhook)
    session.flush()
    note_about(session, webhook, "webhook added", by=by, now=now)
    return webhook


def list_webhooks(session: Session, program_id: int) -> Sequence[Webhook]:
    return session.scalars(
        select(Webhook)
        .where(Webhook.program_id == program_id, Webhook.removed_at.is_(None))
        .order_by(Webhook.id)
    ).all()


def remove_webhook(
    session: Session, program: Program, number: int, *, by: Person, now: datetime
) -> bool:
    """False when the program has no such webhook, or it was removed already."""
    webhook = session.get(Webhook, number)
    if webhook is None or webhook.program_id != program.id:
        return False
    return _remove(session, webhook, by=by, now=now)


def deliveries_to(session: Session, webhook: Webhook, *, limit: int) -> Sequence[Delivery]:
    """The latest first, and before them whatever was given up."""
    given_up = Delivery.next_try_at.is_(None) & Delivery.delivered_at.is_(None)
    return session.scalars(
        select(Delivery)
        .where(Delivery.webhook_id == webhook.id)
        .order_by(given_up.desc(), Delivery.event_id.desc())
        .limit(limit)
    ).all()


def send_again(
    session: Session, program: Program, number: int, *, by: Person, now: datetime
) -> bool:
    """Begin anew with a delivery that was given up or waits long; False when there is none."""
    delivery = session.get(Delivery, number)
    webhook = session.get(Webhook, delivery.webhook_id) if delivery else None
    if webhook is None or webhook.program_id != program.id or webhook.removed_at is not None:
        return False
    # One that is being sent, or will be within the minute, is left alone.
    anew = update(Delivery).where(
        Delivery.id == number,
        Delivery.delivered_at.is_(None),
        or_(Delivery.next_try_at.is_(None), Delivery.next_try_at > now + TAKEN_FOR),
    )
    if not changes_one(session, anew.values(next_try_at=now, tries=0)):
        return False
    enqueue(session, SendWebhook(webhook.id), at=now)
    note_about(session, webhook, "sent again", by=by, now=now, delivery=number)
    return True


# --- the outbox ---


def webhooks_behind(session: Session) -> list[int]:
    """Webhooks of programs in which a move was made that has no delivery yet."""
    webhooks = session.scalars(select(Webhook.id).where(Webhook.removed_at.is_(None))).all()
    return [number for number in webhooks if _untold(session, number, limit=1)]


def note_moves(database: Database, webhook_id: int, *, now: datetime) -> None:
    """Write a delivery for each move that has none for this webhook. Twice is harmless."""
    with database.reading() as session:
        if not _untold(session, webhook_id, limit=1):
            return
    with database.writing() as session:
        # Of two processes, the second waits here and sees what the first wrote.
        webhook = session.scalar(
            select(Webhook)
            .where(Webhook.id == webhook_id, Webhook.removed_at.is_(None))
            .with_for_update()
        )
        for event in _untold(session, webhook_id, limit=AT_ONCE) if webhook else ():
            session.add(
                Delivery(
                    webhook_id=webhook_id,
                    event_id=event.id,
                    payload=_payload(session, event),
                    at=now,
                    next_try_at=now,
                )
            )


def forget_old_deliveries(session: Session, *, now: datetime) -> None:
    """Delete deliveries that are over for a month.

    Not one among the last moves of its webhook: without it, its move would count as untold.
    """
    told = aliased(Delivery)
    newest = select(func.max(told.event_id)).where(told.webhook_id == Delivery.webhook_id)
    session.execute(
        delete(Delivery)
        .where(
            Delivery.next_try_at.is_(None),
            Delivery.at < now - KEPT_FOR,
            Delivery.event_id <= newest.scalar_subquery() - LOOKED_BACK,
        )
        .execution_options(synchronize_session=False)
    )


def _untold(session: Session, webhook_id: int, *, limit: int) -> Sequence[HandoffEvent]:
    """The moves since the webhook was added for which it has no delivery, in order."""
    last = (
        select(func.max(Delivery.event_id))
        .where(Delivery.webhook_id == webhook_id)
        .scalar_subquery()
    )
    has_one = exists().where(
        Delivery.webhook_id == webhook_id, Delivery.event_id == HandoffEvent.id
    )
    return session.scalars(
        select(HandoffEvent)
        .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .join(Webhook, Webhook.program_id == Conversation.program_id)
        .where(
            Webhook.id == webhook_id,
            HandoffEvent.at >= Webhook.at,
            HandoffEvent.id > func.coalesce(last - LOOKED_BACK, 0),
            ~has_one,
        )
        .order_by(HandoffEvent.id)
        .limit(limit)
    ).all()


def _payload(session: Session, event: HandoffEvent) -> JsonDict:
    """The move as it was: a handoff may have been raised again since."""
    handoff = session.get_one(Handoff, event.handoff_id)
    standing = session.scalars(
        select(HandoffEvent)
        .where(
            HandoffEvent.handoff_id == event.handoff_id,
            HandoffEvent.id <= event.id,
            HandoffEvent.move.in_([Move.OPEN, Move.RAISE]),
        )
        .order_by(HandoffEvent.id.desc())
        .limit(1)
    ).one()
    return {
        "type": TYPES[event.move],
        "timestamp": _written(event.at),
        "data": {
            "event_id": event.id,
            "handoff_id": handoff.id,
            "need": standing.detail["need"],
            "urgency": standing.detail["urgency"],
            "opened_at": _written(handoff.opened_at),
        },
    }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- sending: take one, post it outside of any transaction, note what came of it ---


def due_webhooks(session: Session, *, now: datetime) -> Sequence[int]:
    """Those for which there is something to send."""
    return session.scalars(
        select(Delivery.webhook_id)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(Delivery.next_try_at <= now, Webhook.removed_at.is_(None))
        .distinct()
    ).all()


def take_next(session: Session, webhook_id: int, *, now: datetime) -> Taken | None:
    """The first delivery that is due, for us alone. If we die, another takes it in a minute."""
    found = session.execute(
        select(Delivery, Webhook)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(
            Delivery.webhook_id == webhook_id,
            Delivery.next_try_at <= now,
            Webhook.removed_at.is_(None),
        )
        .order_by(Delivery.event_id)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    delivery, webhook = found
    taking = update(Delivery).where(
        Delivery.id == delivery.id, Delivery.next_try_at == delivery.next_try_at
    )
    if not changes_one(
        session, taking.values(next_try_at=now + TAKEN_FOR, tries=Delivery.tries + 1)
    ):
        return None
    body = json.dumps(delivery.payload, sort_keys=True, separators=(",", ":"))
    return Taken(delivery.id, webhook.url, webhook.secret, f"event_{delivery.event_id}", body)


def note_answer(
    session: Session, delivery_id: int, answer: Answer, *, now: datetime
) -> datetime | None:
    """Note what came of a post; returns when to try again, None if it arrived or is given up."""
    delivery = session.get_one(Delivery, delivery_id)
    if delivery.delivered_at is not None:
        return None
    webhook = session.get_one(Webhook, delivery.webhook_id)
    delivery.status, delivery.failure = answer.status, answer.failure
    if answer.arrived:
        delivery.delivered_at, delivery.next_try_at = now, None
        return None
    given_up = delivery.tries > len(WAITS) or webhook.removed_at is not None
    delivery.next_try_at = None if given_up else now + WAITS[max(delivery.tries, 1) - 1]
    session.flush()
    if answer.status == 410:
        # Gone: the receiver wants no more (Standard Webhooks).
        _remove(session, webhook, by=None, now=now)
        return None
    return delivery.next_try_at


def _remove(session: Session, webhook: Webhook, *, by: Person | None, now: datetime) -> bool:
    removing = update(Webhook).where(Webhook.id == webhook.id, Webhook.removed_at.is_(None))
    if not changes_one(session, removing.values(removed_at=now)):
        return False
    session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook.id, Delivery.next_try_at.is_not(None))
        .values(next_try_at=None)
    )
    detail = {} if by else {"status": 410}
    note_about(session, webhook, "webhook removed", by=by, now=now, **detail)
    return True
