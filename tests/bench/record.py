"""What the database says at the end of a run. It reads no words, so it needs no keys."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from gateway.runtime.database import Database, make_engine
from models import ON_ITS_WAY, Alert, Delivery, Handoff, Message

POLL_SECONDS = 0.5
NOT_SENT = (Delivery.FAILED, Delivery.UNDELIVERED, Delivery.DROPPED)


@dataclass(frozen=True)
class Crisis:
    """Our numbers of the first text in answer to a message in crisis, and of its alerts."""

    reply: int | None
    alerts: Sequence[int]


@dataclass(frozen=True)
class Record:
    """Counts of the messages that were asked about, and of all texts that were not sent."""

    lost: int
    unhandled: int
    not_sent: int
    crises: Mapping[str, Crisis]


class Reader:
    def __init__(self, database_url: str) -> None:
        self._database = Database(make_engine(database_url, pool_size=1))

    def close(self) -> None:
        self._database.engine.dispose()

    def count_backlog(self) -> int:
        """Messages that nobody handled, and texts that are due and not with the provider."""
        waits = Message.handled_at.is_(None) | (ON_ITS_WAY & Message.next_try_at.is_(None))
        with self._database.reading() as session:
            return session.scalar(select(func.count(Message.id)).where(waits)) or 0

    def wait_until_drained(self, patience_seconds: float) -> int:
        """What is left of the backlog, which is 0 unless the patience ends first."""
        give_up_at = time.monotonic() + patience_seconds
        while (left := self.count_backlog()) and time.monotonic() < give_up_at:
            time.sleep(POLL_SECONDS)
        return left

    def read(self, taken: Sequence[str], crises: Sequence[str]) -> Record:
        """`taken` are the ids of the messages whose webhook was answered 200."""
        with self._database.reading() as session:
            stored = {
                provider_id: (message_id, handled_at is not None)
                for provider_id, message_id, handled_at in session.execute(
                    select(Message.provider_id, Message.id, Message.handled_at).where(
                        Message.outgoing.is_(False)
                    )
                )
            }
            not_sent = session.scalar(
                select(func.count(Message.id)).where(Message.delivery.in_(NOT_SENT))
            )
            replies = dict(session.execute(_first_replies(crises)).all())
            alerts: dict[str | None, list[int]] = {}
            for provider_id, text in session.execute(_alerts(crises)):
                alerts.setdefault(provider_id, []).append(text)
        return Record(
            lost=sum(one not in stored for one in taken),
            unhandled=sum(one in stored and not stored[one][1] for one in taken),
            not_sent=not_sent or 0,
            crises={one: Crisis(replies.get(one), alerts.get(one, [])) for one in crises},
        )


def _first_replies(crises: Sequence[str]) -> Select[str | None, int]:
    said = aliased(Message)
    return (
        select(Message.provider_id, func.min(said.id))
        .join(said, (said.conversation_id == Message.conversation_id) & (said.id > Message.id))
        .where(Message.provider_id.in_(crises), said.outgoing)
        .group_by(Message.provider_id)
    )


def _alerts(crises: Sequence[str]) -> Select[str | None, int]:
    return (
        select(Message.provider_id, Alert.message_id)
        .join(Handoff, Handoff.conversation_id == Message.conversation_id)
        .join(Alert, Alert.handoff_id == Handoff.id)
        .where(Message.provider_id.in_(crises))
    )
