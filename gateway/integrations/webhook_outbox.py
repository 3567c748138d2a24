"""Webhooks post every move of a handoff to other systems: numbers and times, never messages.

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

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from escalation.handoffs.jobs import Work, enqueue
from escalation.speech.i18n import gettext_noop, phrase
from gateway.integrations.webhook_client import Answer, NotAllowed
from gateway.runtime.audit import note_about
from gateway.runtime.database import Database, lock_program
from models import Conversation, Handoff, HandoffEvent, JsonDict, Move, Person, Webhook, changes_one
from models import WebhookDelivery as Delivery

MOST = 5
SECRET_BYTES = 32
# After the last one we give up; a manager may send it again.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
# How long a worker has a delivery to itself; longer than a post lasts.
TAKEN_FOR = timedelta(minutes=1)
# Two moves may get their numbers in one order and be committed in the other. We look this many
# numbers back for a move that was not there before.
LOOKED_BACK = 1000
AT_ONCE = 200
# How long managers can see a delivery that arrived or failed.
KEPT_FOR = timedelta(days=30)

ACTIVE: ColumnElement[bool] = Webhook.removed_at.is_(None)

# The event in words; its name in the API is `handoff.` and the same word.
EVENTS = {
    Move.OPEN: gettext_noop("opened"),
    Move.PAGE: gettext_noop("paged"),
    Move.RAISE: gettext_noop("raised"),
    Move.LOWER: gettext_noop("lowered"),
    Move.CLAIM: gettext_noop("claimed"),
    Move.REMIND: gettext_noop("reminded"),
    Move.RELEASE: gettext_noop("released"),
    Move.RESOLVE: gettext_noop("resolved"),
    Move.WITHDRAW: gettext_noop("withdrawn"),
}


@dataclass(frozen=True)
class Taken:
    delivery_id: int
    url: str
    secret: str
    number: str
    body: str


@dataclass(frozen=True)
class SendWebhook(Work):
    name: ClassVar[str] = "send_webhook"
    queue: ClassVar[str] = "webhooks"
    webhook_id: int

    @property
    def one_at_a_time(self) -> str:
        return str(self.webhook_id)


def add_webhook(session: Session, url: str, *, by: Person, now: datetime) -> Webhook:
    """Post every move in the manager's program from now on to `url`, which was resolved before.

    Raises:
        NotAllowed: the program already has it, or has too many.
    """
    lock_program(session, by.program_id)
    active = list_webhooks(session, by.program_id)
    if any(one.url == url for one in active):
        raise NotAllowed(
            gettext_noop("You already have this webhook. To get a new secret, remove it first.")
        )
    if len(active) >= MOST:
        raise NotAllowed(
            phrase(
                "You have {most} webhooks, the maximum. Remove one that you no longer use.",
                most=MOST,
            )
        )
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    webhook = Webhook(program_id=by.program_id, url=url, secret=secret, by_id=by.id, at=now)
    session.add(webhook)
    session.flush()
    note_about(session, webhook, "webhook added", by=by, now=now)
    return webhook


def list_webhooks(session: Session, program_id: int) -> Sequence[Webhook]:
    return session.scalars(
        select(Webhook).where(Webhook.program_id == program_id, ACTIVE).order_by(Webhook.id)
    ).all()


def remove_webhook(session: Session, number: int, *, by: Person, now: datetime) -> bool:
    """Returns False if the program has no such webhook or it was already removed."""
    webhook = session.get(Webhook, number)
    if webhook is None or webhook.program_id != by.program_id:
        return False
    return _remove(session, webhook, by=by, now=now)


def list_deliveries(session: Session, webhook: Webhook, *, limit: int) -> Sequence[Delivery]:
    """Failed deliveries first, then the latest."""
    failed = Delivery.next_try_at.is_(None) & Delivery.delivered_at.is_(None)
    return session.scalars(
        select(Delivery)
        .where(Delivery.webhook_id == webhook.id)
        .order_by(failed.desc(), Delivery.event_id.desc())
        .limit(limit)
    ).all()


def send_again(session: Session, number: int, *, by: Person, now: datetime) -> bool:
    """Send a delivery again that failed or waits for a later try.

    Returns False if there is none.
    """
    delivery = session.get(Delivery, number)
    webhook = session.get(Webhook, delivery.webhook_id) if delivery else None
    if webhook is None or webhook.program_id != by.program_id or webhook.removed_at is not None:
        return False
    # Not one that is being sent, or will be within a minute.
    again = update(Delivery).where(
        Delivery.id == number,
        Delivery.delivered_at.is_(None),
        or_(Delivery.next_try_at.is_(None), Delivery.next_try_at > now + TAKEN_FOR),
    )
    if not changes_one(session, again.values(next_try_at=now, tries=0)):
        return False
    enqueue(session, SendWebhook(webhook.id), at=now)
    note_about(session, webhook, "sent again", by=by, now=now, delivery=number)
    return True


# --- the outbox ---


def webhooks_with_work(session: Session, *, now: datetime) -> set[int]:
    """Webhooks with a due delivery, or with a move that has no delivery yet."""
    due = session.scalars(_due(now).with_only_columns(Webhook.id).distinct())
    every = session.scalars(select(Webhook.id).where(ACTIVE)).all()
    return {*due, *(number for number in every if _new_moves(session, number, limit=1))}


def note_moves(database: Database, webhook_id: int, *, now: datetime) -> None:
    """Add a delivery for each move that has none for this webhook. Repeating it is harmless."""
    with database.reading() as session:
        if not _new_moves(session, webhook_id, limit=1):
            return
    with database.writing() as session:
        # Of two processes, the second waits here and sees what the first wrote.
        active = select(Webhook.id).where(Webhook.id == webhook_id, ACTIVE).with_for_update()
        if session.scalar(active) is None:
            return
        session.add_all(
            Delivery(
                webhook_id=webhook_id,
                event_id=event.id,
                payload=_payload(session, event),
                at=now,
                next_try_at=now,
            )
            for event in _new_moves(session, webhook_id, limit=AT_ONCE)
        )


def forget_old_deliveries(session: Session, *, now: datetime) -> None:
    """Delete deliveries that arrived or failed a month ago.

    Keep the deliveries of a webhook's latest moves: without its delivery, a move would count as
    new.
    """
    other = aliased(Delivery)
    newest = select(func.max(other.event_id)).where(other.webhook_id == Delivery.webhook_id)
    session.execute(
        delete(Delivery)
        .where(
            Delivery.next_try_at.is_(None),
            Delivery.at < now - KEPT_FOR,
            Delivery.event_id <= newest.scalar_subquery() - LOOKED_BACK,
        )
        .execution_options(synchronize_session=False)
    )


def _new_moves(session: Session, webhook_id: int, *, limit: int) -> Sequence[HandoffEvent]:
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
    """The move as it was then; its urgency may have changed since."""
    handoff = session.get_one(Handoff, event.handoff_id)
    last_change = session.scalars(
        select(HandoffEvent)
        .where(
            HandoffEvent.handoff_id == event.handoff_id,
            HandoffEvent.id <= event.id,
            HandoffEvent.move.in_([Move.OPEN, Move.RAISE, Move.LOWER]),
        )
        .order_by(HandoffEvent.id.desc())
        .limit(1)
    ).one()
    return {
        "type": f"handoff.{EVENTS[event.move]}",
        "timestamp": _iso(event.at),
        "data": {
            "event_id": event.id,
            "handoff_id": handoff.id,
            "need": last_change.detail["need"],
            "urgency": last_change.detail["urgency"],
            "opened_at": _iso(handoff.opened_at),
        },
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _due(now: datetime) -> Select[Delivery, Webhook]:
    return (
        select(Delivery, Webhook)
        .select_from(Delivery)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(Delivery.next_try_at <= now, ACTIVE)
    )


def take_next(session: Session, webhook_id: int, *, now: datetime) -> Taken | None:
    """The first due delivery, for us alone. If we die, another worker takes it in a minute."""
    of_webhook = _due(now).where(Delivery.webhook_id == webhook_id)
    found = session.execute(of_webhook.order_by(Delivery.event_id).limit(1)).one_or_none()
    if found is None:
        return None
    delivery, webhook = found
    taking = (
        update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.next_try_at == delivery.next_try_at)
        .values(next_try_at=now + TAKEN_FOR, tries=Delivery.tries + 1)
    )
    if not changes_one(session, taking):
        return None
    body = json.dumps(delivery.payload, sort_keys=True, separators=(",", ":"))
    return Taken(delivery.id, webhook.url, webhook.secret, f"event_{delivery.event_id}", body)


def note_answer(
    session: Session, delivery_id: int, answer: Answer, *, now: datetime
) -> datetime | None:
    """Returns when to try again; None if it arrived or we give up."""
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
        # Gone: the receiver wants no more requests (Standard Webhooks).
        _remove(session, webhook, by=None, now=now)
        return None
    return delivery.next_try_at


def _remove(session: Session, webhook: Webhook, *, by: Person | None, now: datetime) -> bool:
    removing = update(Webhook).where(Webhook.id == webhook.id, ACTIVE)
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
