"""Prometheus metrics for operators: counts only, no personal data.

Counters start at zero with the process and count committed rows. Gauges are read from the database
on each request.
"""

from collections.abc import Iterator
from datetime import timedelta

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, UOWTransaction

from escalation.speech.guard import Kind
from escalation.speech.message_writer import replaced_by_guard
from gateway.runtime.line import Line
from models import Delivery, Handoff, Message, Speaker, Status, Urgency

router = APIRouter()

COUNTED = CollectorRegistry()
GUARD_REPLACED = Counter(
    "warmline_guard_replaced_total",
    "Bot texts replaced by the authenticity guard, by the first claim in them.",
    ["kind"],
    registry=COUNTED,
)
MESSAGES = Counter(
    "warmline_messages_total",
    "Messages recorded, by direction and speaker.",
    ["direction", "speaker"],
    registry=COUNTED,
)
# Export each label set from the start, with zero.
for kind in Kind:
    GUARD_REPLACED.labels(kind.value)
for speaker in Speaker:
    MESSAGES.labels("out", speaker.value)
    if speaker is not Speaker.BOT:
        MESSAGES.labels("in", speaker.value)

# Queued and sending texts are counted at any age; final states for this long.
LATELY = timedelta(hours=24)
ON_ITS_WAY = (Delivery.QUEUED, Delivery.SENDING)
NOT_COMMITTED = "recorded and not committed"


@router.get("/metrics")
def metrics(request: Request) -> Response:
    line: Line = request.app.state.line
    gauges = CollectorRegistry()
    try:
        with line.database.reading() as session:
            gauges.register(_Read(list(_gauges(session, line))))
    except SQLAlchemyError:
        return Response("The database is unreachable.", 503)
    body = generate_latest(COUNTED) + generate_latest(gauges)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


class _Read:
    """A collector of families that were already read."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _gauges(session: Session, line: Line) -> Iterator[GaugeMetricFamily]:
    handoffs = GaugeMetricFamily(
        "warmline_handoffs_open", "Open handoffs.", labels=["urgency", "status"]
    )
    open_now = session.execute(
        select(Handoff.urgency, Handoff.status, func.count())
        .where(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
        .group_by(Handoff.urgency, Handoff.status)
    )
    how_many = {(urgency, status): count for urgency, status, count in open_now}
    for urgency in Urgency:
        for status in (Status.WAITING, Status.CLAIMED):
            labels = [urgency.name.lower(), status.value]
            handoffs.add_metric(labels, how_many.get((urgency, status), 0))
    yield handoffs

    deliveries = GaugeMetricFamily(
        "warmline_deliveries",
        "Outgoing texts: queued or sending now, and those that reached another state in the "
        "last 24 hours.",
        labels=["state"],
    )
    moved = session.execute(
        select(Message.delivery, func.count())
        .where(
            Message.delivery.in_(ON_ITS_WAY)
            | (Message.delivery.is_not(None) & (Message.moved_at > line.clock() - LATELY))
        )
        .group_by(Message.delivery)
    )
    by_state = {delivery: number for delivery, number in moved if delivery is not None}
    for delivery in Delivery:
        deliveries.add_metric([delivery.value], by_state.get(delivery, 0))
    yield deliveries


# --- counting ---


@event.listens_for(Session, "after_flush")
def _note_recorded(session: Session, _: UOWTransaction) -> None:
    recorded = [row for row in session.new if isinstance(row, Message)]
    if recorded:
        session.info.setdefault(NOT_COMMITTED, []).extend(
            ("out" if message.outgoing else "in", message.speaker.value) for message in recorded
        )


@event.listens_for(Session, "after_commit")
def _count_committed(session: Session) -> None:
    for labels in session.info.pop(NOT_COMMITTED, ()):
        MESSAGES.labels(*labels).inc()
    replaced = replaced_by_guard(session)
    for kind in replaced:
        GUARD_REPLACED.labels(kind.value).inc()
    replaced.clear()


@event.listens_for(Session, "after_rollback")
def _forget_rolled_back(session: Session) -> None:
    session.info.pop(NOT_COMMITTED, None)
    replaced_by_guard(session).clear()
