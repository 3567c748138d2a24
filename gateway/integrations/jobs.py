"""Sending webhooks: one delivery per job, and one job at a time per webhook, in order."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from escalation.handoffs.jobs import Work, enqueue
from gateway.integrations.webhook_client import post, signed
from gateway.integrations.webhook_outbox import (
    SendWebhook,
    note_answer,
    note_moves,
    take_next,
    webhooks_with_work,
)
from gateway.runtime.line import Line
from models import Channel

log = structlog.get_logger()

PAUSE = timedelta(seconds=2)


def is_demo(line: Line) -> bool:
    """Whether this is the demo; there a webhook may go to the same machine."""
    return line.rules.texting is Channel.PHONES


def send_webhook(line: Line, work: SendWebhook) -> None:
    note_moves(line.database, work.webhook_id, now=line.clock())
    with line.database.writing() as session:
        taken = take_next(session, work.webhook_id, now=line.clock())
    if taken is None:
        return
    headers = signed(taken.secret, taken.number, taken.body, now=line.clock())
    answer = post(taken.url, taken.body, headers, demo=is_demo(line))
    with line.database.writing() as session:
        now = line.clock()
        next_try_at = note_answer(session, taken.delivery_id, answer, now=now)
        # A receiver that failed gets the next one a moment later.
        enqueue(session, work, at=now if answer.arrived else now + PAUSE)
        if next_try_at is not None:
            enqueue(session, work, at=next_try_at)
    if not answer.arrived:
        # Without the URL: it may contain a secret of the receiver.
        log.warning(
            "webhook not delivered",
            webhook=work.webhook_id,
            delivery=taken.delivery_id,
            status=answer.status,
            error=answer.error,
        )


def webhooks_to_send(line: Line, session: Session, before: datetime) -> list[Work]:
    return [SendWebhook(number) for number in sorted(webhooks_with_work(session, now=before))]
