"""Prometheus metrics for operators: counts only, no personal data.

Counters start at zero with the process and count committed rows. Gauges are read from the database
on each request.
"""

from collections import Counter as Counts
from datetime import timedelta
from itertools import product

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from sqlalchemy import event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, UOWTransaction

from escalation.speech.guard import Kind
from escalation.speech.message_writer import replaced_by_guard
from gateway.runtime.line import Line
from models import (
    ON_ITS_WAY,
    Delivery,
    FailedTry,
    Handoff,
    Message,
    Speaker,
    Status,
    Urgency,
)

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
IS_OPEN = (Status.WAITING, Status.CLAIMED)
NOT_COMMITTED = "recorded and not committed"


@router.get("/metrics")
def metrics(request: Request) -> Response:
    line: Line = request.app.state.line
    try:
        with line.database.reading() as session:
            gauges = _read_gauges(session, line)
    except SQLAlchemyError:
        return Response("The database is unreachable.", 503)
    body = generate_latest(COUNTED) + generate_latest(gauges)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _read_gauges(session: Session, line: Line) -> CollectorRegistry:
    gauges = CollectorRegistry()
    handoffs = Gauge(
        "warmline_handoffs_open", "Open handoffs.", ["urgency", "status"], registry=gauges
    )
    for urgency, status in product(Urgency, IS_OPEN):
        handoffs.labels(urgency.name.lower(), status.value)
    for urgency, status, count in session.execute(
        select(Handoff.urgency, Handoff.status, func.count())
        .where(Handoff.status.in_(IS_OPEN))
        .group_by(Handoff.urgency, Handoff.status)
    ):
        handoffs.labels(urgency.name.lower(), status.value).set(count)
    deliveries = Gauge(
        "warmline_deliveries",
        "Outgoing texts: queued or sending now, and those that reached another state in the "
        "last 24 hours.",
        ["state"],
        registry=gauges,
    )
    for delivery in Delivery:
        deliveries.labels(delivery.value)
    lately = Message.delivery.is_not(None) & (Message.moved_at > line.clock() - LATELY)
    for state, count in session.execute(
        select(Message.delivery, func.count()).where(ON_ITS_WAY | lately).group_by(Message.delivery)
    ):
        deliveries.labels(state).set(count)
    failures = Gauge(
        "warmline_delivery_failures",
        "Tries to send a text that failed in the last 24 hours, by the provider's error code.",
        ["code"],
        registry=gauges,
    )
    since = line.clock() - LATELY
    # A refused text is not in failed_try: the provider never had it.
    refused = select(Message.error_code).where(
        ON_ITS_WAY | (Message.delivery == Delivery.FAILED),
        Message.moved_at > since,
        Message.id.not_in(select(FailedTry.message_id)),
    )
    undelivered = select(FailedTry.code).where(FailedTry.at > since)
    for code, count in Counts(session.scalars(refused.union_all(undelivered)).all()).items():
        if code is not None:
            failures.labels(code).set(count)
    return gauges


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
